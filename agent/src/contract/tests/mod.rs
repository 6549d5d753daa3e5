mod command;
mod event;
mod examples;
