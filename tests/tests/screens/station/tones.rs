//! What the screen sounds like: the oscillators that the page starts, held against a table.

use parceld_tests::browser::Page;
use parceld_tests::wait;
use serde_json::Value;

/// Keeps what is asked of the loudspeaker: each oscillator with its waveform, frequency, start and end.
pub const RECORDER: &str = "{
    window.oscillators = [];
    const { start, stop } = AudioScheduledSourceNode.prototype;
    AudioScheduledSourceNode.prototype.start = function (at = 0) {
        this.kept = { wave: this.type, hz: this.frequency.value, from: at || this.context.currentTime, to: null };
        window.oscillators.push(this.kept);
        start.call(this, at);
    };
    AudioScheduledSourceNode.prototype.stop = function (at = 0) {
        this.kept.to = at || this.context.currentTime;
        stop.call(this, at);
    };
}";

/// A tone: its waveform, and its beats as two frequencies in Hz, the length in ms and the pause after it.
pub struct Tone {
    pub wave: &'static str,
    pub beats: &'static [(u32, u32, u32, u32)],
}

/// The tone of each signal, by its state on the screen.
pub fn tone(state: &str) -> Tone {
    const WRONG: (u32, u32, u32, u32) = (330, 350, 170, 90);
    const OVER: (u32, u32, u32, u32) = (392, 415, 110, 70);
    let (wave, beats): (_, &'static [_]) = match state {
        "accepted" => ("sine", &[(1760, 2640, 80, 0)]),
        "completed" => ("sine", &[(1175, 1762, 90, 30), (1760, 2640, 190, 0)]),
        "opened" => ("triangle", &[(880, 1320, 110, 0)]),
        "wrong" => ("square", &[WRONG, WRONG]),
        "over" => ("square", &[OVER, OVER, OVER]),
        "already" => ("triangle", &[(740, 746, 320, 0)]),
        "unknown" => ("triangle", &[(440, 660, 120, 0), (988, 1482, 170, 0)]),
        "refused" => ("sawtooth", &[(262, 278, 650, 0)]),
        "notsaved" => ("square", &[(740, 784, 250, 0), (554, 587, 250, 500)]),
        other => panic!("{other} has no tone"),
    };
    Tone { wave, beats }
}

/// Attack and release, and what arithmetic leaves.
const NEARLY_MS: f64 = 30.0;

/// Waits until the page has asked for the whole tone of `state` as the last thing, and for nothing else since it was
/// asked last.
#[track_caller]
pub fn assert_sounds(page: &Page<'_>, state: &str) {
    let Tone { wave, beats } = tone(state);
    let kept = wait::until(&format!("the tone of {state}"), wait::GENEROUS, || {
        let kept = page.eval("oscillators");
        (2 * beats.len() <= kept.as_array()?.len()).then_some(kept)
    });
    page.eval("oscillators.length = 0");
    let kept = kept.as_array().expect("a list");
    assert_eq!(kept.len(), 2 * beats.len(), "{state} is more than its tone: {kept:?}");
    let ms = |value: &Value| value.as_f64().expect("a time") * 1e3;
    for ((pair, (low, high, length, pause)), at) in kept.chunks(2).zip(beats).zip(0..) {
        let mut frequencies: Vec<f64> = pair.iter().map(|one| one["hz"].as_f64().expect("a frequency")).collect();
        frequencies.sort_by(f64::total_cmp);
        assert_eq!(frequencies, [f64::from(*low), f64::from(*high)], "{state}, beat {at}");
        for one in pair {
            assert_eq!(one["wave"], wave, "{state}");
            assert!((ms(&one["to"]) - ms(&one["from"]) - f64::from(*length)).abs() < NEARLY_MS, "{state}: {one}");
        }
        assert!((ms(&pair[0]["from"]) - ms(&pair[1]["from"])).abs() < 1.0, "{state}: they start together");
        if let Some(next) = kept.get(2 * at + 2) {
            let silence = ms(&next["from"]) - ms(&pair[0]["to"]);
            assert!((silence - f64::from(*pause)).abs() < NEARLY_MS, "{state}: {silence} ms after beat {at}");
        }
    }
}
