//! One frame of a message, as libzmq holds it.

use std::fmt;
use std::ops::Deref;

/// The bytes of one frame. Cheap to move: a received frame is not copied out of libzmq's buffer.
pub struct Frame(zmq::Message);

impl Frame {
    pub(crate) fn from_message(message: zmq::Message) -> Frame {
        Frame(message)
    }

    pub(crate) fn into_message(self) -> zmq::Message {
        self.0
    }
}

impl Deref for Frame {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Takes the vector over without a copy.
impl From<Vec<u8>> for Frame {
    fn from(bytes: Vec<u8>) -> Frame {
        Frame(bytes.into())
    }
}

impl From<&[u8]> for Frame {
    fn from(bytes: &[u8]) -> Frame {
        Frame(bytes.into())
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({} bytes)", self.len())
    }
}
