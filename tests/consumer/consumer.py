"""Stores every event of every site once, in order, and tells the sites so: python3 consumer.py [HOST:]PORT DATABASE"""

import contextlib
import json
import sqlite3
import sys
import time

import paho.mqtt.client as mqtt  # 1.6, as in Debian: it acknowledges a message when its callback has returned

ROOT = "parceld/v1"

db = sqlite3.connect(sys.argv[2], isolation_level=None)
db.executescript("""
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS event (source, id, epoch, sequence, message, UNIQUE (source, id));
    CREATE TABLE IF NOT EXISTS held (source, epoch, sequence, id, message, PRIMARY KEY (source, epoch, sequence, id));
    CREATE TABLE IF NOT EXISTS stored (source, epoch, sequence, PRIMARY KEY (source, epoch));
    CREATE TABLE IF NOT EXISTS trouble (what, topic, message);
""")  # what has been applied, what waits beyond a gap, how far each epoch is whole, and what a person has to look at
unsaid = {}  # (source, epoch): how many events are stored without a receipt, and when that is to be sent


def trouble(what, topic, message):
    print(f"{what}, on {topic}: {message}", file=sys.stderr, flush=True)
    db.execute("INSERT INTO trouble VALUES (?, ?, ?)", (what, topic, message))


def stored(*epoch):
    """Up to where everything of a source's epoch is stored."""
    return db.execute("SELECT ifnull(max(sequence), 0) FROM stored WHERE (source, epoch) = (?, ?)", epoch).fetchone()[0]


def send_receipt(source, epoch):
    unsaid.pop((source, epoch), None)
    said = json.dumps({"epoch": epoch, "sequence": stored(source, epoch)})
    client.publish(f"{ROOT}/{source.removeprefix('/sites/')}/receipts", said, qos=1, retain=True)


def store(source, epoch, sequence, id, topic, message):
    """Applies an event and those that waited for it. How many it were: none beyond a gap, or of one that is double."""
    last = stored(source, epoch)
    if sequence <= last:
        if not db.execute("SELECT 1 FROM event WHERE (source, id) = (?, ?)", (source, id)).fetchone():
            trouble("two events in one place", topic, message)
        return 0
    db.execute("INSERT OR IGNORE INTO held VALUES (?, ?, ?, ?, ?)", (source, epoch, sequence, id, message))
    here = last + 1
    while found := db.execute("DELETE FROM held WHERE (source, epoch, sequence) = (?, ?, ?) RETURNING id, message",
                              (source, epoch, here)).fetchall():
        (id, message), *others = found
        for _, other in others:
            trouble("two events in one place", topic, other)
        known = db.execute("SELECT epoch FROM event WHERE (source, id) = (?, ?)", (source, id)).fetchone()
        if not known:  # from here on state is built, in this transaction
            db.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?)", (source, id, epoch, here, message))
        elif known[0] == epoch:
            trouble("one event in two places", topic, message)
        here += 1
    db.execute("INSERT OR REPLACE INTO stored VALUES (?, ?, ?)", (source, epoch, here - 1))
    return here - 1 - last


def on_message(_client, _userdata, message):
    topic, text = message.topic, message.payload.decode(errors="replace")
    site, kind, _ = topic[len(ROOT) + 1:].split("/")
    source = f"/sites/{site}"
    try:
        body = json.loads(text)
        key = source, body["epoch"].encode().decode()  # a text, and one that can be stored
        if kind == "state":
            return send_receipt(*key) if body["state"] == "online" else None
        id, sequence = body["id"].encode().decode(), body["sequence"]
        if body["source"] != source or not 0 < sequence < 2**63:
            raise ValueError("no place of this site")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return trouble("not a message of the contract", topic, text)
    with db:
        db.execute("BEGIN IMMEDIATE")
        new = store(*key, sequence, id, topic, text)
    count, due = unsaid.get(key, (0, time.monotonic() + 0.5))
    unsaid[key] = (count + new, due)
    if not new or count + new >= 100:
        send_receipt(*key)


client = mqtt.Client("consumer", clean_session=False)
client.on_connect = lambda *_: client.subscribe([(f"{ROOT}/+/events/+", 1), (f"{ROOT}/+/state/agent", 1)])
client.on_message = on_message
host, port = ["127.0.0.1", *sys.argv[1].split(":")][-2:]
client.connect(host, int(port))
while True:
    if client.loop(timeout=0.1) != mqtt.MQTT_ERR_SUCCESS:
        time.sleep(0.2)
        with contextlib.suppress(OSError):
            client.reconnect()
    for key in [key for key, (_, due) in unsaid.items() if due < time.monotonic()]:
        send_receipt(*key)
