//! The engine of `sys/`: which endpoint is whose.
//! Never in it: what an endpoint does.

pub mod audit;
mod audit_drill;
mod audit_reopen;
mod audit_salts;
mod audit_status;
pub mod audited_headers;
pub mod auth;
pub mod capabilities;
pub mod internal_ui;
mod keyring;
mod metrics;
pub mod mounts;
pub mod policies;
mod seal;

use super::Call;
use crate::outcome::{Outcome, Refusal};
use crate::routes::Endpoint;
use crate::unsealed::Unsealed;

/// Does what is asked of the server itself.
pub async fn handle(open: &Unsealed, call: &Call<'_>) -> Outcome {
    let Some(route) = call.route else {
        return Refusal::unsupported_path().into();
    };
    match route.endpoint {
        Endpoint::Audit | Endpoint::AuditDevice | Endpoint::AuditHash => audit::handle(open, call).await,
        Endpoint::AuditSalts | Endpoint::AuditSaltHash | Endpoint::AuditRotateSalt => {
            audit_salts::handle(open, call).await
        }
        Endpoint::AuditDrill => audit_drill::handle(open, call),
        Endpoint::Rotate | Endpoint::KeyStatus => keyring::handle(open, call).await,
        Endpoint::AuditStatus => audit_status::handle(open),
        Endpoint::Metrics => metrics::handle(open, call),
        Endpoint::AuditReopen => audit_reopen::handle(open, call).await,
        Endpoint::RequestHeaders | Endpoint::RequestHeader => audited_headers::handle(open, call).await,
        Endpoint::Mounts | Endpoint::Mount | Endpoint::MountTune => mounts::handle(open, call).await,
        Endpoint::Remount => mounts::remount(),
        Endpoint::Auths | Endpoint::AuthMount | Endpoint::AuthTune => auth::handle(open, call).await,
        Endpoint::LegacyPolicies | Endpoint::LegacyPolicy | Endpoint::Policies | Endpoint::Policy => {
            policies::handle(open, call).await
        }
        Endpoint::Capabilities | Endpoint::CapabilitiesSelf | Endpoint::CapabilitiesAccessor => {
            capabilities::handle(open, call).await
        }
        Endpoint::UiMounts | Endpoint::UiMount => internal_ui::handle(open, call),
        Endpoint::Seal => seal::handle(open).await,
        _ => Refusal::unsupported_path().into(),
    }
}
