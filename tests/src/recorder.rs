//! Everything that a broker carries during a test: kept as a file, and held against the published contract.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::contract::{Contract, ROOT, schema_of};
use crate::mqtt_client::{Message, MqttClient};
use crate::{validators, wait};

/// Faulty messages that are told.
const FAULTS_MAX: usize = 10;

/// Messages of each kind that the other validator judges too: it takes a millisecond and more for each.
const SAMPLE_OF_EACH: usize = 5;

/// Published by the recorder itself: what came before it has been delivered.
const END: &str = "recorder/end";

/// Subscribes to all of the contract's topics, from before anybody speaks.
///
/// What passes while a broker is down or forgets is not seen: a recording has only what a platform could have had.
pub struct Recorder {
    client: MqttClient,
    file: PathBuf,
}

impl Recorder {
    /// Records into `captured/NAME.jsonl` of `dir`, which is cargo's directory for what tests leave.
    #[must_use]
    pub fn start(broker_port: u16, dir: &str, name: &str) -> Recorder {
        let client = MqttClient::connect(broker_port, "recorder");
        client.subscribe(&format!("{ROOT}/#"));
        client.subscribe(END);
        Recorder { client, file: Path::new(dir).join("captured").join(name).with_extension("jsonl") }
    }

    /// Writes the recording, and fails where a message in it is not what the contract says.
    ///
    /// Returns how many there were of each schema.
    ///
    /// # Panics
    /// With the messages at fault.
    #[track_caller]
    pub fn finish(self) -> BTreeMap<String, usize> {
        self.client.publish(END, b"");
        wait::until("the end of the recording", wait::GENEROUS, || {
            self.client.messages().iter().any(|message| message.topic == END).then_some(())
        });
        let messages: Vec<Message> =
            self.client.messages().into_iter().filter(|message| message.topic != END).collect();
        self.write(&messages);
        assert!(!messages.is_empty(), "nothing was recorded");

        let contract = Contract::published();
        let (mut counts, mut faults, mut sample) = (BTreeMap::new(), Vec::new(), Vec::new());
        for Message { topic, payload, .. } in &messages {
            let document: Value = match serde_json::from_slice(payload) {
                Ok(document) => document,
                Err(error) => {
                    faults.push(format!("{topic}: no JSON: {error}: {}", payload.escape_ascii()));
                    continue;
                }
            };
            let judged = schema_of(topic, &document).and_then(|schema| {
                let count: &mut usize = counts.entry(schema.clone()).or_default();
                *count += 1;
                contract.judge(&schema, &document)?;
                if *count <= SAMPLE_OF_EACH {
                    sample.push((schema, document.clone()));
                }
                Ok(())
            });
            faults.extend(judged.err().map(|fault| format!("{topic}: {fault}: {document}")));
        }
        faults.extend(validators::python(&sample).into_iter().zip(&sample).filter_map(
            |(verdict, (schema, document))| {
                verdict.err().map(|fault| format!("{schema}, for jsonschema of Python: {fault}: {document}"))
            },
        ));
        let told = faults.len().min(FAULTS_MAX);
        assert!(
            faults.is_empty(),
            "{} of {} messages are not what the contract says ({}):\n{}",
            faults.len(),
            messages.len(),
            self.file.display(),
            faults[..told].join("\n")
        );
        counts
    }

    fn write(&self, messages: &[Message]) {
        let line = |Message { topic, payload, .. }: &Message| {
            let payload = serde_json::from_slice(payload).unwrap_or_else(|_| json!(payload.escape_ascii().to_string()));
            format!("{}\n", json!({ "topic": topic, "payload": payload }))
        };
        let folder = self.file.parent().expect("a file lies in a folder");
        fs::create_dir_all(folder).expect("cargo's directory for tests takes a folder");
        fs::write(&self.file, messages.iter().map(line).collect::<String>()).expect("a recording can be written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mosquitto::Mosquitto;
    use crate::tempdir::TempDir;

    #[test]
    fn keeps_what_was_said_and_counts_it() {
        let (mosquitto, dir) = (Mosquitto::start(), TempDir::new("recorder"));
        let recorder = recorder(&mosquitto, &dir);
        let speaker = MqttClient::connect(mosquitto.port(), "speaker");
        let receipt = json!({ "epoch": "01935d00-0000-7000-8000-000000000001", "sequence": 1 });
        speaker.publish_json("parceld/v1/s/receipts", &receipt);
        speaker.publish_json("parceld/v1/s/receipts", &receipt);
        assert_eq!(recorder.finish(), BTreeMap::from([("receipt".to_owned(), 2)]));
        let line = format!("{}\n", json!({ "topic": "parceld/v1/s/receipts", "payload": receipt }));
        assert_eq!(fs::read_to_string(dir.join("captured/test.jsonl")).unwrap(), line.repeat(2));
    }

    #[test]
    fn fails_where_a_message_is_not_of_the_contract() {
        let put = r#"{"specversion":"1.0","id":"1","source":"/s","type":"parceld.order.hold.v1","data":{"id":"o","revision":1"#;
        for (topic, payload, fault) in [
            ("parceld/v1/s/receipts", "{}".to_owned(), "required property"),
            ("parceld/v1/s/receipts", "no".to_owned(), "no JSON"),
            ("parceld/v1/s/state/weather", "{}".to_owned(), "there is no schema state.weather"),
            ("parceld/v1/s/commands", format!("{put},\"email\":\"\"}}}}"), "email"),
        ] {
            let (mosquitto, dir) = (Mosquitto::start(), TempDir::new("recorder"));
            let recorder = recorder(&mosquitto, &dir);
            MqttClient::connect(mosquitto.port(), "speaker").publish(topic, payload.as_bytes());
            let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| recorder.finish())).unwrap_err();
            let why = refused.downcast_ref::<String>().expect("a panic with a text");
            assert!(why.contains(fault), "{why}");
        }
    }

    fn recorder(mosquitto: &Mosquitto, dir: &TempDir) -> Recorder {
        Recorder::start(mosquitto.port(), dir.path().to_str().expect("a path of text"), "test")
    }
}
