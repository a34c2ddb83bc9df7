//! Mounts and the engines behind them, asked through the whole pipeline of a server without devices.

mod cubbyhole;
mod kv1;
mod kv2;
mod model;
mod mounts;
mod pki;
mod server;
mod totp;
mod transit;
mod unmount;
