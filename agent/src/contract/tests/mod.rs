mod command;
mod event;
mod examples;
mod schemas;
