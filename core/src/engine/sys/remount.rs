//! `sys/remount`: a mount gets another path, in one batch. Its data, its accessor and its settings stay; policies and entries go
//! by the new path from then on.
//! Never in it: the table (`crate::engine::mounts`).

use onrecord_value::object;

use crate::engine::leases::{self, Force};
use crate::engine::sys::{Sys, sudo};
use crate::engine::{Call, Handled, Path, Unsealed, fields};
use crate::operations::Move;
use crate::outcome::{Outcome, Refusal};

pub(super) const PATHS: &[Path<Sys>] = &[
    sudo("remount", "Move a mount to another path.")
        .description("Takes `from` and `to`; those of login methods begin with `auth/`.")
        .injected()
        .write(|_, unsealed, call| Handled::pending(remount(unsealed, call))),
    sudo("remount/status/{id}", "Read how far a move is.")
        .read(|_, unsealed, call| Handled::ready(status(unsealed, call))),
];

async fn remount(unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    let path = |field| {
        let given = fields::text(call.data, field)?.unwrap_or_default();
        match given.trim_matches('/') {
            "" => Err(Refusal::invalid(format!(
                "both 'from' and 'to' path must be specified: {field} is missing"
            ))),
            path => Ok(format!("{path}/")),
        }
    };
    let (from, to) = (path("from")?, path("to")?);
    let id = unsealed.host.entropy.uuid().map_err(|_| Refusal::internal())?;
    unsealed.mounts.check_remount(&from, &to)?;
    // A lease names the path that it was made at: what was leased there ends with it.
    leases::revoke_below(unsealed, &from, call.now, Force::No).await?;
    unsealed.mounts.remount(&from, &to).await?;
    if !to.starts_with(&from) {
        // Those that were made meanwhile.
        leases::revoke_below(unsealed, &from, call.now, Force::Yes).await?;
    }
    unsealed.quotas.move_below(&from, &to).await?;
    tracing::info!("a mount was moved");
    unsealed.operations.moves.add(Move { id: id.clone(), from, to });
    Ok(Outcome::data(object! { "migration_id" => id }))
}

fn status(unsealed: &Unsealed, call: &Call<'_>) -> Outcome {
    let Some(done) = unsealed.operations.moves.find(call.captured) else { return Outcome::absent() };
    let info = object! { "source_mount" => done.from, "status" => "success", "target_mount" => done.to };
    Outcome::data(object! { "migration_id" => done.id, "migration_info" => info })
}
