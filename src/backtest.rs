//! `plimsoll backtest`: what the rules of a profile would have said of the past.
//!
//! `fetch` asks Prometheus for the rates of the past, `account` replays the rules over them, and the forms print it.

pub(crate) mod account;
pub(crate) mod fetch;
mod html;
mod json;
mod table;

pub use account::Account;
pub use html::html;
pub use json::json;
pub use table::table;
