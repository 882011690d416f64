"""An old server of one stream: reads one command per line, writes its newest sequence after each.

Arguments: the live address, the request address, what `next_sequence` means, the number of its history, then source,
symbol and interval. It first writes the addresses that it bound.
"""

import json
import sys
import threading

import flatbuffers
import zmq
from gapless_generated import *

PAGE = 40
live_address, request_address, meaning, history, source, symbol, interval = sys.argv[1:]
key = StreamKeyT(source, symbol, interval)
candles = []
context = zmq.Context()
live = context.socket(zmq.PUB)
live.bind(live_address)


def candle(sequence):
    price = int(history) * 1000.0 + sequence
    return CandleT(sequence * 60_000, price, price + 1.0, price - 1.0, price + 0.5, 1.0)


def pack(kind, message, correlation=None):
    builder = flatbuffers.Builder()
    builder.Finish(EnvelopeT(1, correlationId=correlation, messageType=kind, message=message).Pack(builder))
    return bytes(builder.Output())


def publish(start, end):
    batch = CandleBatchT(key, start, candles[start - 1 : end])
    topic = f"candles.{source}.{symbol}.{interval}"
    live.send_multipart([topic.encode(), pack(Message.CandleBatch, batch)])


def page(asked):
    start = asked.fromSequenceExclusive if asked.hasFromSequence else 0
    served = candles[start:][: min(asked.limit or PAGE, PAGE)]
    last = start + len(served)
    more = last < len(candles)
    following = 0 if not more else last if meaning == "last_returned" else last + 1
    return Message.BackfillCandlesResponse, BackfillCandlesResponseT(key, start + 1, served, more, following)


def answer(frame):
    asked = EnvelopeT.InitFromPackedBuf(frame)
    if asked.schemaVersion != 1:
        kind, message = Message.ErrorResponse, ErrorResponseT(426, "schema_version 1 only")
    elif asked.messageType == Message.HealthRequest:
        kind, message = Message.HealthResponse, HealthResponseT(True)
    elif asked.messageType not in (
        Message.GetCursorRequest,
        Message.SubscribeCandlesRequest,
        Message.BackfillCandlesRequest,
    ):
        kind, message = Message.ErrorResponse, ErrorResponseT(400, "unknown message")
    elif [asked.message.key.sourceId, asked.message.key.symbol] != [source.encode(), symbol.encode()]:
        kind, message = Message.ErrorResponse, ErrorResponseT(404, "unknown stream")
    elif asked.messageType == Message.GetCursorRequest:
        cursor = CursorT(len(candles), candles[-1].tsMs if candles else 0)
        kind, message = Message.GetCursorResponse, GetCursorResponseT(key, cursor)
    elif asked.messageType == Message.SubscribeCandlesRequest:
        ack = SubscribeCandlesAckT(True, None, key, len(candles))
        kind, message = Message.SubscribeCandlesAck, ack
    else:
        kind, message = page(asked.message)
    return pack(kind, message, asked.correlationId)


def opened():
    desk = context.socket(zmq.REP)
    desk.linger = 0
    # The system frees an address a moment after it was closed.
    for _ in range(100):
        try:
            desk.bind(request_address)
            return desk
        except zmq.ZMQError as error:
            if error.errno != zmq.EADDRINUSE:
                raise
            threading.Event().wait(0.05)
    raise SystemExit(f"{request_address} stays in use")


def closed(desk):
    if desk is not None:
        desk.unbind(request_address)
        desk.close()


# Lines come over a socket, so that one poll sees them and the requests.
def read_lines():
    sender = context.socket(zmq.PAIR)
    sender.connect("inproc://lines")
    for line in sys.stdin.buffer:
        sender.send(line)
    sender.send(b"")


lines = context.socket(zmq.PAIR)
lines.bind("inproc://lines")
threading.Thread(target=read_lines, daemon=True).start()
desk = opened()
request_address = desk.last_endpoint.decode()
print(json.dumps({"live": live.last_endpoint.decode(), "replies": request_address}), flush=True)

manner, held = "answer", None
while True:
    poller = zmq.Poller()
    poller.register(lines, zmq.POLLIN)
    if desk is not None and held is None:
        poller.register(desk, zmq.POLLIN)
    ready = dict(poller.poll())
    if desk in ready:
        held = answer(desk.recv())
        if manner == "answer":
            desk.send(held)
            held = None
    if lines not in ready:
        continue
    line = lines.recv()
    if not line:
        break
    command = json.loads(line)
    match command["do"]:
        case "append":
            first = len(candles) + 1
            candles += [candle(first + at) for at in range(command["rows"])]
            if command["live"]:
                publish(first, len(candles))
        case "repeat":
            publish(command["from"], command["to"])
        case "close":
            closed(desk)
            desk, held, manner = None, None, "close"
        case "hold" | "ignore":
            manner = command["do"]
        case "answer":
            if desk is None:
                desk = opened()
            elif held is not None and manner == "hold":
                desk.send(held)
            elif held is not None:
                # A REP that did not answer can only be replaced.
                closed(desk)
                desk = opened()
            manner, held = "answer", None
    print(len(candles), flush=True)
