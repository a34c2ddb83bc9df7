//! Walks the whole life of a server with vaultrs: see ../README.md for what every walk does and reports.

mod ask;
mod logins;
mod operations;
mod secrets;
mod tokens;
mod walk;

use walk::Walk;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut walk = Walk::new();
    operations::start(&mut walk).await;
    operations::devices(&mut walk).await;
    operations::mounts(&mut walk).await;
    secrets::values(&mut walk).await;
    secrets::versions(&mut walk).await;
    tokens::policies(&mut walk).await;
    tokens::tokens(&mut walk).await;
    tokens::roles(&mut walk).await;
    logins::userpass(&mut walk).await;
    logins::approle(&mut walk).await;
    logins::jwt(&mut walk).await;
    logins::identity(&mut walk).await;
    secrets::wrapping(&mut walk).await;
    logins::leases(&mut walk).await;
    secrets::transit(&mut walk).await;
    secrets::pki(&mut walk).await;
    operations::ceremonies(&mut walk).await;
}
