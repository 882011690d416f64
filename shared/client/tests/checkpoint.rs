//! The engine's state in parts, from a server that does not always behave.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use gapless::{Client, Endpoints, Epoch, Error, ErrorCode, ErrorResponse, Position};
use gapless_transport::Context;
use gapless_wire::{CheckpointPart, CheckpointRequest, CheckpointResponse, Message, encode_message};
use support::Server;

const EPOCH: Epoch = Epoch(7);
const PARTS: u32 = 3;

/// Part `part` of the state as of `position`.
fn response(position: u64, part: u32) -> CheckpointResponse {
    let inside = CheckpointPart {
        partition: 0,
        epoch: EPOCH,
        position: Position(position),
        part,
        parts: PARTS,
        streams: Vec::new(),
        lanes: Vec::new(),
    };
    CheckpointResponse {
        partition: 0,
        epoch: EPOCH,
        position: Position(position),
        part,
        parts: PARTS,
        streams: 0,
        bytes: encode_message(&Message::CheckpointPart(inside), ""),
    }
}

fn gone() -> Message {
    let message = "of this position no state is kept".into();
    Message::Error(ErrorResponse { code: ErrorCode::TRIMMED, message, retry_after_ms: 0 })
}

/// A server that answers the n-th question (from 0) as told, and a client of it.
fn serve(mut answer: impl FnMut(usize, CheckpointRequest) -> Message + Send + 'static) -> (Server, Client) {
    let mut asked = 0;
    let server = Server::start(&Context::new(), move |request| {
        let Message::CheckpointRequest(request) = request else { panic!("{request:?}") };
        asked += 1;
        Some(answer(asked - 1, request))
    });
    let client = Client::new(Endpoints { state: server.endpoint.clone(), ..Endpoints::default() });
    (server, client.with_patience(support::PATIENCE))
}

#[test]
fn all_parts_of_one_position_are_put_together() {
    let (_server, client) = serve(|number, request| {
        let position =
            if request.position == Position::NONE { 9 + number as u64 } else { request.position.0 };
        Message::CheckpointResponse(response(position, request.part))
    });
    let checkpoint = client.checkpoint().unwrap();
    assert_eq!((checkpoint.epoch, checkpoint.position), (EPOCH, Position(9)));
    let expected: Vec<_> = (0..PARTS).map(|part| response(9, part).bytes).collect();
    assert_eq!(checkpoint.parts, expected);
}

#[test]
fn a_state_that_went_away_halfway_is_fetched_anew() {
    let (_server, client) = serve(|number, request| match number {
        0 | 1 => Message::CheckpointResponse(response(9, request.part)),
        2 => gone(),
        _ => Message::CheckpointResponse(response(12, request.part)),
    });
    let checkpoint = client.checkpoint().unwrap();
    assert_eq!((checkpoint.position, checkpoint.parts.len()), (Position(12), 3));
}

#[test]
fn a_state_that_always_goes_away_is_given_up() {
    let (_server, client) = serve(|_, request| match request.part {
        0 => Message::CheckpointResponse(response(9, 0)),
        _ => gone(),
    });
    let refused = client.checkpoint().unwrap_err();
    assert!(matches!(refused, Error::Refused { error, .. } if error.code == ErrorCode::TRIMMED));
}

#[test]
fn parts_of_two_states_are_never_mixed() {
    let wrong: [fn(&mut CheckpointResponse); 5] = [
        |part| part.epoch = Epoch(8),
        |part| part.position = Position(10),
        |part| part.part = 1,
        |part| part.bytes = response(10, 2).bytes,
        |part| part.bytes = vec![1, 2, 3],
    ];
    for change in wrong {
        let (_server, client) = serve(move |_, request| {
            let mut part = response(9, request.part);
            if request.part == 2 {
                change(&mut part);
            }
            Message::CheckpointResponse(part)
        });
        let error = client.checkpoint().unwrap_err();
        assert!(matches!(error, Error::BadReply { .. }), "{error}");
    }
}

#[test]
fn missing_streams_are_noticed() {
    let (_server, client) = serve(|_, request| {
        Message::CheckpointResponse(CheckpointResponse { streams: 1, ..response(9, request.part) })
    });
    let error = client.checkpoint().unwrap_err().to_string();
    assert!(error.contains("0 streams where 1"), "{error}");
}
