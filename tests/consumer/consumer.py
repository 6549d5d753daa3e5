"""Stores every event of every site, once and in order, and tells the sites so: python3 consumer.py PORT DATABASE"""

import json
import sqlite3
import sys
import time

import paho.mqtt.client as mqtt  # 1.6, as in Debian: it acknowledges a message when its callback has returned

ROOT = "parceld/v1"
RECEIPT_EVERY = 100
RECEIPT_WITHIN_S = 0.5

db = sqlite3.connect(sys.argv[2], isolation_level=None)
db.executescript("""
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS event (source, id, epoch, sequence, message, UNIQUE (source, id));
    CREATE TABLE IF NOT EXISTS held (source, epoch, sequence, message, PRIMARY KEY (source, epoch, sequence));
    CREATE TABLE IF NOT EXISTS stored (source, epoch, sequence, PRIMARY KEY (source, epoch));
""")
unsaid = {}  # (site, epoch): how many events are stored without a receipt, and since when


def stored(source, epoch):
    """Up to where everything of an epoch is stored."""
    row = db.execute("SELECT sequence FROM stored WHERE source = ? AND epoch = ?", (source, epoch)).fetchone()
    return row[0] if row else 0


def apply(event, message):
    """Takes the next event of its epoch: from here on state is built. One that an older epoch has had only moves on."""
    source, place = event["source"], (event["epoch"], event["sequence"])
    db.execute("INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?, ?)", (source, event["id"], *place, message))
    db.execute("INSERT OR REPLACE INTO stored VALUES (?, ?, ?)", (source, *place))


def take(event, message):
    """Stores an event, in one transaction. How many are in order now: 0 for one beyond a gap, or one that is double."""
    source, epoch, sequence = event["source"], event["epoch"], event["sequence"]
    with db:
        db.execute("BEGIN IMMEDIATE")
        before = last = stored(source, epoch)
        if sequence > last + 1:
            db.execute("INSERT OR REPLACE INTO held VALUES (?, ?, ?, ?)", (source, epoch, sequence, message))
        elif sequence <= last:
            if not db.execute("SELECT 1 FROM event WHERE source = ? AND id = ?", (source, event["id"])).fetchone():
                print(f"two events in one place, {source} {epoch} {sequence}: {message}", file=sys.stderr)
            return 0
        while last + 1 == sequence and message:
            apply(json.loads(message), message)
            last, sequence = last + 1, sequence + 1
            row = db.execute("DELETE FROM held WHERE source = ? AND epoch = ? AND sequence = ? RETURNING message",
                             (source, epoch, sequence)).fetchone()
            message = row and row[0]
        return last - before


def receipt(site, epoch):
    unsaid.pop((site, epoch), None)
    said = json.dumps({"epoch": epoch, "sequence": stored(f"/sites/{site}", epoch)})
    client.publish(f"{ROOT}/{site}/receipts", said, qos=1, retain=True)


def on_message(_client, _userdata, message):
    site, kind, _ = message.topic[len(ROOT) + 1:].split("/")
    try:
        text = message.payload.decode()
        body = json.loads(text)
        place = site, body["epoch"]
    except (ValueError, KeyError, TypeError) as fault:
        return print(f"not a message of the contract, on {message.topic}: {fault}", file=sys.stderr)
    if kind == "state" and body["state"] == "online":
        receipt(*place)
    if kind == "events":
        new = take(body, text)
        count, since = unsaid.get(place, (0, time.monotonic()))
        unsaid[place] = count + new, since
        if not new or RECEIPT_EVERY <= count + new:
            receipt(*place)


def on_connect(*_):
    client.subscribe([(f"{ROOT}/+/events/+", 1), (f"{ROOT}/+/state/agent", 1)])


client = mqtt.Client("consumer", clean_session=False, protocol=mqtt.MQTTv311)
client.on_connect, client.on_message = on_connect, on_message
client.connect("127.0.0.1", int(sys.argv[1]))
while True:
    if client.loop(timeout=0.1) != mqtt.MQTT_ERR_SUCCESS:
        time.sleep(0.2)
        try:
            client.reconnect()
        except OSError:
            continue
    for place in [place for place, (_, since) in unsaid.items() if since + RECEIPT_WITHIN_S < time.monotonic()]:
        receipt(*place)
