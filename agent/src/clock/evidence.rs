//! What speaks for the wall clock: the kernel, who keeps it, and a clock with a battery.

use super::Reading;
use jiff::{SignedDuration, Timestamp};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// The kernel's bound on the clock's error, where nobody has set it for hours: 16 s. It is smaller while somebody keeps
/// it. The flag STA_UNSYNC says less: chrony leaves it set where it doesn't keep the hardware clock too.
#[cfg(target_pointer_width = "64")]
const ERROR_US_MAX: std::ffi::c_long = 16_000_000;

/// systemd-timesyncd makes this folder when it starts, and this file when it sets the clock; it goes with the boot.
const TIMESYNCD: &str = "run/systemd/timesync";
const SET_BY_TIMESYNCD: &str = "run/systemd/timesync/synchronized";

/// Each is there while a program runs that sets the clock when it can.
const KEEPERS: [&str; 5] = [TIMESYNCD, "run/chrony", "run/chronyd.pid", "run/ntpd.pid", "run/openntpd/ntpd.sock"];

/// Until a boot has lasted so long, one of them may still be on its way: an agent can be there before them.
const KEEPERS_COME_WITHIN: Duration = Duration::from_secs(120);

/// The first hardware clock, in seconds since 1970.
const RTC: &str = "sys/class/rtc/rtc0/since_epoch";

/// A hardware clock with a battery is not further from the time that was read from it at boot.
const RTC_OFF_MAX: SignedDuration = SignedDuration::from_mins(5);

/// What the system says for its wall clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Evidence {
    /// A time server keeps it, or has set it in this boot.
    Synchronized,
    /// Nothing better is to be had: no program here waits for a time server, or a hardware clock agrees, or nobody tells.
    #[default]
    Plausible,
    /// A program waits for a time server that has not been heard, or may yet come to; and no hardware clock agrees.
    Awaited,
}

impl Evidence {
    /// Asks the system. The hardware clock is on a slow bus, and asked only where it counts.
    pub fn look(reading: Reading, asks_rtc: bool) -> Self {
        let root = Path::new("/");
        let rtc_at = || if asks_rtc { rtc(root) } else { None };
        weigh(root, kernel(root), reading, rtc_at)
    }
}

/// `kernel`: whether it says that somebody keeps the clock; none where it may not be asked.
fn weigh(root: &Path, kernel: Option<bool>, reading: Reading, rtc_at: impl FnOnce() -> Option<Timestamp>) -> Evidence {
    if kernel == Some(true) || root.join(SET_BY_TIMESYNCD).exists() {
        return Evidence::Synchronized;
    }
    let is_kept = reading.since_boot < KEEPERS_COME_WITHIN || KEEPERS.iter().any(|keeper| root.join(keeper).exists());
    if !is_kept || kernel.is_none() {
        return Evidence::Plausible;
    }
    let agrees = |at: Timestamp| at.duration_since(reading.wall).abs() <= RTC_OFF_MAX;
    if rtc_at().is_some_and(agrees) { Evidence::Plausible } else { Evidence::Awaited }
}

#[cfg(target_pointer_width = "64")]
fn kernel(_root: &Path) -> Option<bool> {
    let mut asked = rtime_clock::adjtime::Timex::new();
    rtime_clock::adjtime::adjtimex(&mut asked).ok()?;
    Some(asked.0.maxerror < ERROR_US_MAX)
}

#[cfg(not(target_pointer_width = "64"))]
fn kernel(root: &Path) -> Option<bool> {
    unless_timesyncd_tells(root)
}

/// In place of the kernel where no crate asks it, on 32 bits: timesyncd's file will tell when it has set the clock, and
/// until then nobody has. Of others nothing is known.
#[cfg(any(test, not(target_pointer_width = "64")))]
fn unless_timesyncd_tells(root: &Path) -> Option<bool> {
    root.join(TIMESYNCD).exists().then_some(false)
}

fn rtc(root: &Path) -> Option<Timestamp> {
    let seconds = fs::read_to_string(root.join(RTC)).ok()?;
    Timestamp::from_second(seconds.trim().parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A system that has run for an hour with these files, and what it says for a clock that shows 2026-11-26T10:00:00Z.
    fn check(kernel: Option<bool>, files: &[(&str, &str)], expected: Evidence) {
        check_at(3_600, kernel, files, expected);
    }

    /// The same so many seconds after the boot.
    fn check_at(since_boot_s: u64, kernel: Option<bool>, files: &[(&str, &str)], expected: Evidence) {
        check_told(since_boot_s, |_| kernel, files, expected);
    }

    fn check_told(
        since_boot_s: u64,
        kernel: impl FnOnce(&Path) -> Option<bool>,
        files: &[(&str, &str)],
        expected: Evidence,
    ) {
        let root = std::env::temp_dir().join(format!("parceld-evidence-{}", uuid::Uuid::new_v4()));
        fs::create_dir_all(&root).unwrap();
        for (path, text) in files {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), text).unwrap();
        }
        let wall = "2026-11-26T10:00:00Z".parse().unwrap();
        let reading = Reading { wall, since_boot: Duration::from_secs(since_boot_s) };
        let told = kernel(&root);
        let found = weigh(&root, told, reading, || rtc(&root));
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(found, expected, "{since_boot_s} {told:?} {files:?}");
    }

    #[test]
    fn a_board_that_has_just_started_may_yet_get_somebody_who_keeps_its_clock() {
        check_at(8, Some(false), &[], Evidence::Awaited);
        check_at(119, Some(false), &[], Evidence::Awaited);
        check_at(120, Some(false), &[], Evidence::Plausible);
        check_at(8, Some(false), &[(RTC, "1795687245\n")], Evidence::Plausible);
        check_at(8, Some(true), &[], Evidence::Synchronized);
        check_at(8, None, &[], Evidence::Plausible);
    }

    #[test]
    fn without_the_kernel_timesyncd_is_awaited_and_nobody_else() {
        let check = |files: &[(&str, &str)], expected| check_told(3_600, unless_timesyncd_tells, files, expected);
        check(&[("run/systemd/timesync/x", "")], Evidence::Awaited);
        check(&[("run/systemd/timesync/x", ""), (RTC, "1795687245\n")], Evidence::Plausible);
        check(&[(SET_BY_TIMESYNCD, "")], Evidence::Synchronized);
        check(&[("run/chrony/chronyd.pid", "1")], Evidence::Plausible);
        check(&[], Evidence::Plausible);
    }

    #[test]
    fn a_clock_that_somebody_keeps_is_synchronized() {
        check(Some(true), &[], Evidence::Synchronized);
        check(Some(true), &[("run/chrony/chronyd.pid", "1")], Evidence::Synchronized);
        check(Some(false), &[(SET_BY_TIMESYNCD, "")], Evidence::Synchronized);
        check(None, &[(SET_BY_TIMESYNCD, "")], Evidence::Synchronized);
    }

    #[test]
    fn a_clock_that_nobody_will_set_is_as_good_as_it_gets() {
        check(Some(false), &[], Evidence::Plausible);
        check(None, &[], Evidence::Plausible);
        check(None, &[("run/chrony/chronyd.pid", "1")], Evidence::Plausible);
    }

    #[test]
    fn a_time_server_is_awaited_unless_a_battery_has_kept_the_time() {
        let chrony = ("run/chrony/chronyd.pid", "1");
        check(Some(false), &[chrony], Evidence::Awaited);
        check(Some(false), &[("run/systemd/timesync/x", "")], Evidence::Awaited);
        check(Some(false), &[chrony, (RTC, "1795687245\n")], Evidence::Plausible);
        check(Some(false), &[chrony, (RTC, "1795687501\n")], Evidence::Awaited);
        check(Some(false), &[chrony, (RTC, "946684800\n")], Evidence::Awaited);
        check(Some(false), &[chrony, (RTC, "what?")], Evidence::Awaited);
    }
}
