//! The board: what its sensors and its kernel tell, read when somebody looks.
//!
//! Every path lies below a root that tests choose. What a board doesn't tell is none: that is no fault.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

const SENSORS: &str = "sys/class/thermal";
const MONITORS: &str = "sys/class/hwmon";
/// The Raspberry Pi's own kernel tells the firmware's word here, in hexadecimal.
const THROTTLED: &str = "sys/devices/platform/soc/soc:firmware/get_throttled";
/// `rpi_volt`, in any kernel since 4.19, looks every 2 s whether the voltage was too low since.
const VOLTAGE_MONITOR: &str = "rpi_volt";
const MODEL: &str = "proc/device-tree/model";
const UPTIME: &str = "proc/uptime";
/// systemd-timesyncd touches it whenever a time server has told it the time.
const SYNCHRONIZED: &str = "run/systemd/timesync/synchronized";

/// In the firmware's word: the voltage is too low now.
const UNDER_VOLTAGE_NOW: u32 = 1 << 0;
/// In the firmware's word: it was too low since the boot.
const UNDER_VOLTAGE_SEEN: u32 = 1 << 16;

/// What sensors show that aren't there.
const SENSIBLE_C: std::ops::RangeInclusive<f64> = -60.0..=200.0;
const MODEL_CHARS_MAX: usize = 64;
/// Boards have a handful.
const ENTRIES_MAX: usize = 64;

/// The computer that the agent runs on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Board {
    /// As its maker calls it.
    pub model: Option<String>,
    /// Of its hottest sensor.
    pub temperature_c: Option<f64>,
    /// Whether its supply's voltage is too low now.
    pub under_voltage: Option<bool>,
    /// Whether it was seen to be too low since the boot, by the firmware or by the agent.
    pub under_voltage_seen: Option<bool>,
    /// Since the boot.
    pub up_s: Option<u64>,
}

/// Looks at everything.
#[must_use]
pub fn look(root: &Path) -> Board {
    let voltage = Voltage::look(root);
    Board {
        model: model(root),
        temperature_c: temperature_c(root),
        under_voltage: voltage.low,
        under_voltage_seen: voltage.was_low,
        up_s: up_s(root),
    }
}

/// When a time server last set the clock, where timesyncd keeps it.
#[must_use]
pub fn synchronized_at(root: &Path) -> Option<Timestamp> {
    let touched = fs::metadata(root.join(SYNCHRONIZED)).ok()?.modified().ok()?;
    Timestamp::try_from(touched).ok()
}

/// Where the kernel counts what this process reads and writes.
#[must_use]
pub fn own_io(root: &Path) -> PathBuf {
    root.join("proc/self/io")
}

/// Whether the supply's voltage is too low.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Voltage {
    pub low: Option<bool>,
    pub was_low: Option<bool>,
}

impl Voltage {
    #[must_use]
    pub fn look(root: &Path) -> Self {
        let word = text(&root.join(THROTTLED))
            .and_then(|word| u32::from_str_radix(word.trim().trim_start_matches("0x"), 16).ok());
        let alarm = monitor(root).and_then(|monitor| number(&monitor.join("in0_lcrit_alarm")));
        let alarm = alarm.map(|alarm| alarm != 0);
        let is_set = |bit: u32| word.map(|word| word & bit != 0);
        Self {
            low: either(alarm, is_set(UNDER_VOLTAGE_NOW)),
            was_low: either(alarm, is_set(UNDER_VOLTAGE_SEEN | UNDER_VOLTAGE_NOW)),
        }
    }
}

fn either(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    one.into_iter().chain(other).reduce(|one, other| one || other)
}

fn monitor(root: &Path) -> Option<PathBuf> {
    entries(&root.join(MONITORS))
        .into_iter()
        .find(|entry| text(&entry.join("name")).is_some_and(|name| name.trim() == VOLTAGE_MONITOR))
}

fn temperature_c(root: &Path) -> Option<f64> {
    let sensors = entries(&root.join(SENSORS)).into_iter();
    let shown = sensors.filter_map(|sensor| number(&sensor.join("temp")));
    let celsius = shown.map(|millidegrees| millidegrees as f64 / 1_000.0);
    celsius.filter(|celsius| SENSIBLE_C.contains(celsius)).reduce(f64::max)
}

fn model(root: &Path) -> Option<String> {
    let model = text(&root.join(MODEL))?;
    let model: String = model.chars().filter(|c| !c.is_control()).take(MODEL_CHARS_MAX).collect();
    Some(model.trim().to_owned()).filter(|model| !model.is_empty())
}

fn up_s(root: &Path) -> Option<u64> {
    let up_s: f64 = text(&root.join(UPTIME))?.split_whitespace().next()?.parse().ok()?;
    Some(up_s as u64)
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().take(ENTRIES_MAX).flatten();
    entries.map(|entry| entry.path()).collect()
}

fn number(path: &Path) -> Option<i64> {
    text(path)?.trim().parse().ok()
}

fn text(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    /// A board whose kernel shows `files`.
    #[track_caller]
    fn check(what: &str, files: &[(&str, &str)], expected: &Board) {
        let root = std::env::temp_dir().join(format!("parceld-board-{}", Uuid::now_v7()));
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let board = look(&root);
        let _ = fs::remove_dir_all(&root);
        assert_eq!(board, *expected, "{what}");
    }

    fn voltage(now: bool, seen: bool) -> Board {
        Board { under_voltage: Some(now), under_voltage_seen: Some(seen), ..Board::default() }
    }

    #[test]
    fn tells_what_the_board_tells() {
        check("nothing", &[], &Board::default());
        check(
            "a Raspberry Pi",
            &[
                ("proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.5\0"),
                ("proc/uptime", "532841.19 2011223.00\n"),
                ("sys/class/thermal/thermal_zone0/temp", "47231\n"),
                ("sys/class/thermal/cooling_device0/type", "gpio-fan\n"),
                ("sys/class/hwmon/hwmon0/name", "cpu_thermal\n"),
                ("sys/class/hwmon/hwmon1/name", "rpi_volt\n"),
                ("sys/class/hwmon/hwmon1/in0_lcrit_alarm", "0\n"),
            ],
            &Board {
                model: Some("Raspberry Pi 4 Model B Rev 1.5".into()),
                temperature_c: Some(47.231),
                up_s: Some(532_841),
                ..voltage(false, false)
            },
        );
        let zone = |n: u32| format!("sys/class/thermal/thermal_zone{n}/temp");
        check(
            "the hottest, and none that isn't there",
            &[(&zone(0), "41000"), (&zone(1), "63500"), (&zone(2), "-273150"), (&zone(3), "")],
            &Board { temperature_c: Some(63.5), ..Board::default() },
        );
        for (word, now, seen) in [
            ("0", false, false),
            ("50000", false, true),
            ("50005", true, true),
            ("0x50005\n", true, true),
            ("e0008", false, false),
            ("1", true, true),
        ] {
            check(word, &[(THROTTLED, word)], &voltage(now, seen));
        }
        let alarm = [
            ("sys/class/hwmon/hwmon0/name", "rpi_volt"),
            ("sys/class/hwmon/hwmon0/in0_lcrit_alarm", "1"),
            (THROTTLED, "0"),
        ];
        check("an alarm that the firmware has been asked about", &alarm, &voltage(true, true));
    }

    #[test]
    fn knows_when_a_time_server_set_the_clock() {
        let root = std::env::temp_dir().join(format!("parceld-board-{}", Uuid::now_v7()));
        assert_eq!(synchronized_at(&root), None);
        fs::create_dir_all(root.join("run/systemd/timesync")).unwrap();
        fs::write(root.join(SYNCHRONIZED), "").unwrap();
        let at = synchronized_at(&root);
        let _ = fs::remove_dir_all(&root);
        assert!(at.is_some());
    }
}
