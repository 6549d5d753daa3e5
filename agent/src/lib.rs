//! The warehouse edge agent: scans in, durable events out, answers in between.

pub mod access;
pub mod action;
pub mod app;
pub mod bundle;
pub mod cli;
pub mod clock;
pub mod config;
pub mod contract;
pub mod control;
pub mod doctor;
pub mod domain;
pub mod floor;
pub mod journal;
pub mod pulse;
pub mod report;
pub mod schedule;
pub mod screen;
pub mod sheet;
pub mod sync;
pub mod web;
pub mod words;
