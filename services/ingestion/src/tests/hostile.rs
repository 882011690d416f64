use super::*;

/// Bytes of every kind of wrong: each must be answered with an error, or harmlessly.
fn wrong_frames() -> Vec<Vec<u8>> {
    let valid = encode_message(&ingest("A", 1, 0, candles(1, 3)), "id");
    let mut frames = vec![
        Vec::new(),
        vec![0],
        vec![0xff; 4],
        vec![0; 64],
        vec![0xff; 4096],
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
    ];
    frames.extend((0..valid.len()).step_by(7).map(|length| valid[..length].to_vec()));
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    for _ in 0..200 {
        let mut bytes = valid.clone();
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let at = random as usize % bytes.len();
        bytes[at] = (random >> 32) as u8;
        frames.push(bytes);
    }
    frames
}

fn codes(peer: &mut Peer, frames: &[Vec<u8>]) -> Vec<u32> {
    let code = |frame: &Vec<u8>| match peer.ask_bytes(frame.clone()).1 {
        Message::Error(error) => error.code.0,
        Message::IngestNack(nack) => nack.error.code.0,
        _ => 0,
    };
    frames.iter().map(code).collect()
}

#[test]
fn hostile_bytes_are_answered_and_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let service = start(config(dir.path()));
    let frames = wrong_frames();
    let codes_seen = codes(&mut service.follower(), &frames);
    assert!(codes_seen.iter().all(|code| *code != 0), "the replay socket takes no batches");
    let before = service.follower().status(false).latest;
    assert_eq!(before, Position::NONE);
    let codes_seen = codes(&mut service.producer(), &frames);
    assert!(codes_seen.iter().filter(|code| **code != 0).count() >= frames.len() / 2);
    // Some flips leave a valid batch behind: what is in the journal is whole and readable.
    for bytes in service.follower().read_all() {
        record(&bytes).1.rows.validate().unwrap();
    }
    assert!(service.producer().ingest("Z", 1, candles(1, 1)).is_ok());
    service.stop();
}

#[test]
fn a_message_that_is_fine_but_not_served_here_says_what_is() {
    let dir = tempfile::tempdir().unwrap();
    let service = start(config(dir.path()));
    for mut peer in [service.producer(), service.follower()] {
        let Message::Error(error) = peer.ask(Message::GetCursorRequest(key("A"))) else { panic!() };
        assert_eq!(error.code.0, 400);
        assert!(error.message.contains("GetCursorRequest is not served"), "{}", error.message);
        let Message::HealthResponse(health) = peer.ask(Message::HealthRequest) else { panic!() };
        assert!(health.ok);
    }
    service.stop();
}

#[test]
fn a_version_that_is_not_spoken_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let service = start(config(dir.path()));
    let envelope = gapless_wire::Envelope {
        schema_version: 99,
        correlation_id: "v".into(),
        message: Message::HealthRequest,
    };
    let (correlation_id, answer) = service.producer().ask_bytes(gapless_wire::encode(&envelope));
    let Message::Error(error) = answer else { panic!("{answer:?}") };
    assert_eq!((correlation_id.as_str(), error.code.0), ("v", 426));
    service.stop();
}
