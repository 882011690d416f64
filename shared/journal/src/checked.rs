//! The last line of a side file: the checksum of what stands before it.
//!
//! JSON alone does not show every flipped bit: a digit that became another digit still parses, and a position
//! or an epoch would be another one. The checksum has a line of its own so that people still read the file. A
//! file without such a line is from before there was one.

/// What the line begins with; eight hexadecimal digits follow.
const LABEL: &str = "crc32c ";

/// `text` with its checksum.
pub(crate) fn seal(mut text: Vec<u8>) -> Vec<u8> {
    text.push(b'\n');
    let line = format!("{LABEL}{:08x}\n", crc32c::crc32c(&text));
    text.extend_from_slice(line.as_bytes());
    text
}

/// What was sealed; all of a file that has no checksum.
///
/// # Errors
/// In words, when the checksum is that of other bytes.
pub(crate) fn unseal(bytes: &[u8]) -> Result<&[u8], String> {
    let Some(line) = bytes.len().checked_sub(LABEL.len() + 9) else { return Ok(bytes) };
    let (text, line) = bytes.split_at(line);
    let Some(stated) = line.strip_prefix(LABEL.as_bytes()) else { return Ok(bytes) };
    if format!("{:08x}\n", crc32c::crc32c(text)).as_bytes() != stated {
        return Err("its checksum is wrong".to_owned());
    }
    Ok(text)
}
