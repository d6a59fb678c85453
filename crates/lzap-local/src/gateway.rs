//! HTTP in front of functions: each HTTP API and each function URL answers on a localhost port of its own.
//!
//! For an HTTP API the gateway finds the request's route, builds the event that API Gateway builds, invokes the
//! function under the function's own policy, and sends the function's answer as the response. A function URL has no
//! routes, and rules of its own in [`function_url`]. [`listeners`] takes requests and [`dispatch`] answers them;
//! [`path`] and [`event`] build the event, [`answer`] the response. `apigateway` is the control API that creates the
//! APIs, `lambda::function_urls` the one that creates the URLs.

mod answer;
mod dispatch;
mod event;
mod front;
mod function_url;
mod listeners;
mod path;
mod received;

pub(crate) use dispatch::Gateway;
pub(crate) use listeners::Listeners;
