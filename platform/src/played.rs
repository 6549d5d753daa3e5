//! The HTTP side of a platform without a socket: for whoever asks it anything, and looks at the answers. Its router, its
//! writer and its readers are the program's own.

use crate::central::Central;
use crate::clock::Clock;
use crate::shop;
use crate::store::Place;
use crate::topic::Topics;
use crate::web::Web;
use crate::writer;
use anyhow::Context;
use axum::Router;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::thread::{self, JoinHandle};
use tokio::sync::{mpsc, watch};

/// Where its pages say that they are.
const SERVED_AT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8090);

/// A router over a database file, and its writer, which ends once the router is gone. Requests may be for any host.
///
/// # Errors
/// The database or the writer can't be made.
pub fn router(database: &Path) -> anyhow::Result<(Router, JoinHandle<()>)> {
    let place = Place::File(database.into());
    let clock = Clock::start();
    let central = Central::new(place.open()?, Topics::new("played"), clock.now()).context("a new database")?;
    let timer = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let (jobs, waiting) = mpsc::channel(writer::JOBS_MAX);
    let (changed, changes) = watch::channel(0);
    let writer = thread::Builder::new().name("writer".into()).spawn(move || {
        writer::run(central, waiting, &timer, clock, &changed);
    })?;
    let shops = shop::built_in(SERVED_AT)?.into();
    let stop = watch::channel(false).1;
    Ok((Web::new(jobs, place, clock, changes, stop, None, shops).router(), writer))
}
