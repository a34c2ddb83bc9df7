//! Step 9: the answer leaves, or it is withheld and everything that was issued in it is revoked.
//! Never in it: any way past a proof.

use crate::exchange::{Answer, Shaped};
use crate::open::Open;
use crate::outcome::{Afterwards, Outcome};
use crate::record::{Filed, NotFiled};
use crate::token::Reservation;

/// What a client is told whose request was carried out although its response could not be recorded (decision 6).
const WITHHELD: &str = "internal error: the request was carried out, but its response could not be put on record \
                        and is withheld";
/// What a client is told whose refused request could not be recorded.
const REFUSED: &str = "internal error";

/// Releases a shaped answer, given that its response entry has settled.
pub(crate) async fn release(
    open: &Open,
    asker: Reservation,
    outcome: Outcome,
    shaped: Shaped,
    filed: Result<Filed, NotFiled>,
) -> Answer {
    if matches!(&outcome, Outcome::Refusal(refusal) if refusal.status == 500) {
        open.check_storage();
    }
    asker.finish().await;
    let reply = match (filed, outcome) {
        (Ok(Filed::Settled(proof)), outcome) => {
            begin(open, outcome);
            return Answer::on_record(shaped, &proof);
        }
        (Ok(Filed::Unaudited(proof)), _) => return Answer::without_devices(shaped, &proof),
        (Err(_), Outcome::Refusal(_)) => return Answer::not_on_record(REFUSED),
        (Err(_), Outcome::Reply(reply)) => reply,
    };
    drop(shaped);
    if let Some(issued) = reply.auth.filter(|issued| issued.new)
        && let Err(error) = Box::pin(open.tokens.withdraw(&issued)).await
    {
        tracing::error!(%error, "a token whose issue is not on record could not be revoked");
    }
    Answer::not_on_record(WITHHELD)
}

/// Begins what waited for the response entry.
fn begin(open: &Open, outcome: Outcome) {
    let Outcome::Reply(reply) = outcome else { return };
    if let Some(Afterwards::Drill { path, drill, time }) = reply.afterwards
        && let Err(error) = open.broker.drill(&path, drill, time)
    {
        tracing::warn!(path, %drill, %error, "a drill did not begin");
    }
}
