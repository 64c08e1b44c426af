#!/usr/bin/env python3
"""An acquirer that shares no code with us, at the VAN link of a running sandbox.

    client.py HOST PORT     plays the sandbox card, a line per check; exit status 0 or 1
    client.py --offline     checks this file alone against tests/vectors, no server needed

The dialect (iso87-ascii: hex bitmap, ASCII lengths, binary data as hex text; a frame is two bytes
of big-endian length, exclusive) is written down here once more, by hand and for pyiso8583: if we
read the standard wrongly, both readings have to be wrong in the same way to go unseen.
"""

import json
import socket
import struct
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from random import randrange

import iso8583
from Crypto.Cipher import DES3

CARD = "9999990100000005"
EXPIRY = "3012"
PASSWORD = "1234"
ZONE_KEY = bytes.fromhex("11223344556677888877665544332211")
STRANGER = "4111111111111111"

WAIT_SECONDS = 20
PRICE = 1500
PRICE_WITH_PASSWORD = 700

# DE: (length digits, longest). 0 length digits = fixed.
ELEMENTS = {
    2: (2, 19),
    3: (0, 6),
    4: (0, 12),
    7: (0, 10),
    11: (0, 6),
    12: (0, 6),
    13: (0, 4),
    14: (0, 4),
    15: (0, 4),
    18: (0, 4),
    22: (0, 3),
    25: (0, 2),
    32: (2, 11),
    33: (2, 11),
    35: (2, 37),
    37: (0, 12),
    38: (0, 6),
    39: (0, 2),
    41: (0, 8),
    42: (0, 15),
    43: (0, 40),
    44: (2, 25),
    48: (3, 999),
    49: (0, 3),
    52: (0, 16),
    53: (0, 16),
    54: (3, 120),
    64: (0, 16),
    70: (0, 3),
    90: (0, 42),
}


def text(length_digits, longest):
    return {
        "data_enc": "ascii",
        "len_enc": "ascii",
        "len_type": length_digits,
        "max_len": longest,
        "desc": "",
    }


SPEC = {
    "h": text(0, 0),
    "t": text(0, 4),
    "p": text(0, 16),
    "1": text(0, 16),
    **{str(de): text(*shape) for de, shape in ELEMENTS.items()},
}

ECHOED = ["2", "3", "4", "7", "11", "12", "13", "32", "37", "41", "42", "49"]
NEVER_ANSWERED = ["14", "22", "25", "35", "43", "52"]


class Checks:
    """A line per check, and how many came out wrong."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def equal(self, what, found, due):
        if found == due:
            self.passed += 1
            print(f"ok    {what}")
        else:
            self.failed += 1
            print(f"FAIL  {what}: {found!r} instead of {due!r}")

    def close(self):
        print(f"{self.passed} passed, {self.failed} failed")
        return 0 if self.failed == 0 and self.passed > 0 else 1


class Link:
    """One connection to the switch, one request at a time."""

    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port), timeout=WAIT_SECONDS)

    def ask(self, fields):
        raw = encode(fields)
        self.socket.sendall(struct.pack(">H", len(raw)) + raw)
        (length,) = struct.unpack(">H", self.read(2))
        return decode(self.read(length))

    def read(self, count):
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise ConnectionError("the switch closed the connection")
            data += piece
        return data


class Trace:
    """Trace numbers and reference numbers that no earlier run of this script has used."""

    def __init__(self):
        self.stan = randrange(1, 900_000)

    def next(self):
        self.stan += 1
        now = datetime.now(timezone.utc)
        local = now + timedelta(hours=9)
        return {
            "7": now.strftime("%m%d%H%M%S"),
            "11": f"{self.stan:06}",
            "12": local.strftime("%H%M%S"),
            "13": local.strftime("%m%d"),
            "37": local.strftime("%y%j%H")[1:] + f"{self.stan:06}",
        }


def encode(fields):
    raw, _ = iso8583.encode(dict(fields), SPEC)
    return bytes(raw)


def decode(raw):
    fields, _ = iso8583.decode(raw, SPEC)
    return fields


def pin_block(password, card):
    """ISO 9564-1 format 0 under the zone key, as 16 hex digits."""
    pin = bytes.fromhex(f"0{len(password)}{password}".ljust(16, "F"))
    account = bytes.fromhex(card[-13:-1].rjust(16, "0"))
    clear = bytes(a ^ b for a, b in zip(pin, account))
    key = ZONE_KEY + ZONE_KEY[:8]
    return DES3.new(key, DES3.MODE_ECB).encrypt(clear).hex().upper()


def sale(trace, amount, mti="0200", card=CARD):
    return {
        "t": mti,
        "2": card,
        "3": "000000",
        "4": f"{amount:012}",
        **trace.next(),
        "18": "5945",
        "32": "450001",
        "41": "TERM0001",
        "42": "MERCHANT0000001",
        "43": "TOYLAND ONLINE         SEOUL         KOR",
        "49": "410",
    }


def online(trace, amount, card=CARD):
    order = "01008MALL000102019ORD-20260315-00007703010CUST000042040011"
    return sale(trace, amount, card=card) | {"14": EXPIRY, "22": "012", "25": "59", "48": order}


def swiped(trace, amount, password=None):
    fields = sale(trace, amount) | {"22": "021", "25": "00"}
    fields["35"] = f"{CARD}={EXPIRY}1010000000000000"
    if password is not None:
        fields["52"] = pin_block(password, CARD)
        fields["53"] = "2001010100000000"
    return fields


def balance(trace):
    fields = sale(trace, 0, mti="0100") | {"3": "310000", "14": EXPIRY, "22": "012", "25": "59"}
    del fields["18"], fields["43"]
    return fields


def amounts(answer):
    """DE 54 as {amount type: minor units}; a debit is negative."""
    found, rest = {}, answer.get("54", "")
    while len(rest) >= 20:
        sign = {"C": 1, "D": -1}[rest[7]]
        found[rest[2:4]] = sign * int(rest[8:20])
        rest = rest[20:]
    return found


def echoed(checks, what, request, answer):
    sent = {de: request.get(de) for de in ECHOED}
    back = {de: answer.get(de) for de in ECHOED}
    wrong = [de for de in ECHOED if sent[de] != back[de]]
    checks.equal(f"{what}: DE {', '.join(ECHOED)} echoed", wrong, [])
    seen = [de for de in NEVER_ANSWERED if de in answer]
    checks.equal(f"{what}: none of DE {', '.join(NEVER_ANSWERED)}", seen, [])


def outcome(answer):
    return (answer["t"], answer.get("39"))


def available(checks, link, trace, when):
    answer = link.ask(balance(trace))
    checks.equal(f"balance {when} is answered", outcome(answer), ("0110", "00"))
    both = amounts(answer)
    checks.equal(f"balance {when} has ledger and available", sorted(both), ["01", "02"])
    return both.get("02", 0)


def echo_test(checks, link, trace):
    request = {"t": "0800", "70": "301", **trace.next()}
    request = {name: request[name] for name in ("t", "7", "11", "70")}
    answer = link.ask(request)
    checks.equal("echo test is answered", outcome(answer), ("0810", "00"))
    back = {de: answer.get(de) for de in ("7", "11", "70")}
    sent = {de: request[de] for de in ("7", "11", "70")}
    checks.equal("echo test: DE 7, 11, 70 echoed", back, sent)


def purchase_and_its_repeats(checks, link, trace):
    before = available(checks, link, trace, "before")
    request = online(trace, PRICE)
    first = link.ask(request)
    checks.equal("purchase is approved", outcome(first), ("0210", "00"))
    echoed(checks, "purchase", request, first)
    checks.equal("purchase: DE 38 has six characters", len(first.get("38", "")), 6)
    date = first.get("15", "")
    checks.equal("purchase: DE 15 is a date", (len(date), date.isdigit()), (4, True))
    checks.equal("purchase: DE 54 tells what is left", amounts(first), {"02": before - PRICE})

    for mti in ("0200", "0201"):
        repeat = link.ask(request | {"t": mti})
        what = f"the same again as {mti}"
        code = repeat.get("39"), repeat.get("38")
        checks.equal(f"{what}: same answer, same DE 38", code, ("00", first.get("38")))
        checks.equal(f"{what}: answered by a response", repeat["t"][:3], "021")

    after = available(checks, link, trace, "after")
    checks.equal("the balance moved exactly once", before - after, PRICE)


def card_passwords(checks, link, trace):
    before = available(checks, link, trace, "before the passwords")
    answer = link.ask(swiped(trace, PRICE_WITH_PASSWORD, "4321"))
    checks.equal("wrong card password is refused", outcome(answer), ("0210", "55"))
    checks.equal("wrong card password: no DE 38", answer.get("38"), None)
    answer = link.ask(swiped(trace, PRICE_WITH_PASSWORD))
    missing = (*outcome(answer), answer.get("44", "")[:3])
    checks.equal("swiped without a password is refused", missing, ("0210", "30", "052"))
    # Last, so that the count of wrong tries starts anew for the next run.
    request = swiped(trace, PRICE_WITH_PASSWORD, PASSWORD)
    answer = link.ask(request)
    checks.equal("right card password is approved", outcome(answer), ("0210", "00"))
    echoed(checks, "swiped purchase", request, answer)
    after = available(checks, link, trace, "after the passwords")
    checks.equal("only the right password paid", before - after, PRICE_WITH_PASSWORD)


def stranger(checks, link, trace):
    request = online(trace, PRICE, card=STRANGER)
    answer = link.ask(request)
    checks.equal("a card of nobody's is refused", outcome(answer), ("0210", "15"))
    echoed(checks, "card of nobody's", request, answer)
    checks.equal("a card of nobody's: no DE 38", answer.get("38"), None)


def play(host, port):
    checks, trace = Checks(), Trace()
    try:
        link = Link(host, port)
        for scene in (echo_test, purchase_and_its_repeats, card_passwords, stranger):
            scene(checks, link, trace)
    except (OSError, iso8583.DecodeError) as error:
        checks.equal("the conversation went on to its end", f"{type(error).__name__}: {error}", "")
    return checks.close()


def offline():
    """Every golden message that our table covers, both ways; the PIN block; the builders."""
    checks, trace = Checks(), Trace()
    file = Path(__file__).resolve().parent.parent / "vectors" / "golden-messages.json"
    golden = json.loads(file.read_text(encoding="utf-8"))
    for message in golden["messages"]:
        fields = {"t": message["mti"], **message["fields"]}
        if message["profile"] != "ascii" or not fields.keys() <= SPEC.keys():
            continue
        raw = bytes.fromhex(message["hex"])
        checks.equal(f"{message['name']} encodes to its bytes", encode(fields), raw)
        back = {name: value for name, value in decode(raw).items() if name in fields}
        checks.equal(f"{message['name']} decodes to its fields", back, fields)
    block = pin_block(golden["pin"], golden["pan"])
    checks.equal("the PIN block is the golden one", block, "DEF247F82B55A358")
    for request in (
        online(trace, PRICE),
        swiped(trace, PRICE, PASSWORD),
        swiped(trace, PRICE),
        balance(trace),
    ):
        back = decode(encode(request))
        there = {name: back.get(name) for name in request}
        checks.equal(f"our {request['t']} comes back as it went", there, request)
    return checks.close()


def main(arguments):
    if arguments == ["--offline"]:
        return offline()
    if len(arguments) != 2 or not arguments[1].isdigit():
        print(__doc__, file=sys.stderr)
        return 2
    return play(arguments[0], int(arguments[1]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
