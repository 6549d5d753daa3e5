//! What the service manager is told (sd_notify(3)). Where none listens, nothing happens.

use sd_notify::NotifyState;
use std::time::Duration;

/// The agent can take scans, or can do so again after [`reloading`].
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The configuration is read again; [`ready`] says when that is over.
pub fn reloading() {
    // `Type=notify-reload` wants to know when it began.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// The agent is on its way down; scans are still taken in until [`resting`].
pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
}

/// No scan is taken in any more.
pub fn resting() {
    status("stopping: no scan is taken in, what was scanned is decided and answered");
}

/// One line that `systemctl status` shows.
pub fn status(line: &str) {
    tell(&[NotifyState::Status(&one_line(line))]);
}

/// The agent moves, and this is how it is.
pub fn alive(line: &str) {
    tell(&[NotifyState::Watchdog, NotifyState::Status(&one_line(line))]);
}

/// The agent is on its way up, and moves; what is left may take `more`.
pub fn starting(line: &str, more: Duration) {
    let more = u32::try_from(more.as_micros()).unwrap_or(u32::MAX);
    tell(&[NotifyState::Watchdog, NotifyState::ExtendTimeoutUsec(more), NotifyState::Status(&one_line(line))]);
}

/// Whether anybody listens.
pub fn is_heard() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some()
}

/// How long the service manager goes without [`alive`] before it kills; none: it doesn't.
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

/// A message's fields end at line ends.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "the service manager doesn't listen");
    }
}
