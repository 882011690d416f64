"""An old client: reads one command per line, writes one answer per line, both JSON.

Arguments: the live address, the request address, then source, symbol and interval of a stream.
"""

import json
import sys

import flatbuffers
import zmq
from gapless_generated import *

live_address, request_address, source, symbol, interval = sys.argv[1:]
key = StreamKeyT(source, symbol, interval)
context = zmq.Context()
live = context.socket(zmq.SUB)
live.rcvhwm = 0  # This is about what is sent, not about a queue that is full.
live.connect(live_address)


def opened(frame):
    envelope = EnvelopeT.InitFromPackedBuf(frame)
    assert envelope.schemaVersion == 1, envelope.schemaVersion
    return envelope


def ask(kind, question):
    """One request on a connection of its own."""
    builder = flatbuffers.Builder()
    envelope = EnvelopeT(1, correlationId="old-python", messageType=kind, message=question)
    builder.Finish(envelope.Pack(builder))
    with context.socket(zmq.REQ) as socket:
        socket.connect(request_address)
        socket.send(builder.Output())
        answer = opened(socket.recv())
    assert answer.correlationId == b"old-python", answer.correlationId
    return answer.messageType, answer.message


def rows(candles):
    return [[c.tsMs, c.open, c.high, c.low, c.close, c.volume] for c in candles or []]


def put(command):
    match command["ask"]:
        case "health":
            kind, answer = ask(Message.HealthRequest, HealthRequestT())
        case "cursor":
            kind, answer = ask(Message.GetCursorRequest, GetCursorRequestT(key))
        case "subscribe":
            kind, answer = ask(Message.SubscribeCandlesRequest, SubscribeCandlesRequestT(key))
        case "page":
            start = command["from"]
            question = BackfillCandlesRequestT(key, start is not None, start or 0, limit=command["limit"])
            kind, answer = ask(Message.BackfillCandlesRequest, question)
    match kind:
        case Message.HealthResponse:
            return {"answer": "health", "ok": bool(answer.ok)}
        case Message.GetCursorResponse:
            return {"answer": "cursor", "latest": answer.cursor.latestSequence, "ts": answer.cursor.latestTsMs}
        case Message.SubscribeCandlesAck:
            return {"answer": "ack", "accepted": bool(answer.accepted), "latest": answer.latestSequence}
        case Message.BackfillCandlesResponse:
            page = {"answer": "page", "start": answer.startSequence, "candles": rows(answer.candles)}
            return page | {"more": bool(answer.hasMore), "next": answer.nextSequence}
        case Message.ErrorResponse:
            return {"answer": "error", "code": answer.code}


def next_batch():
    """The next message about candles."""
    while True:
        topic, frame = live.recv_multipart()[:2]
        if topic.startswith(b"candles."):
            break
    batch = opened(frame).message
    named = b".".join([b"candles", batch.key.sourceId, batch.key.symbol, batch.key.interval])
    assert topic == named, (topic, named)
    return {"topic": topic.decode(), "start": batch.startSequence, "candles": rows(batch.candles)}


for line in sys.stdin:
    command = json.loads(line)
    if "subscribe" in command:
        live.subscribe(command["subscribe"])
        answer = {}
    elif "unsubscribe" in command:
        live.unsubscribe(command["unsubscribe"])
        answer = {}
    elif "await" in command:
        # Nothing but the topic tells that the publisher hears this socket.
        while live.recv_multipart()[0] != command["await"].encode():
            pass
        answer = {}
    elif "next" in command:
        answer = next_batch()
    else:
        answer = put(command)
    print(json.dumps(answer), flush=True)
