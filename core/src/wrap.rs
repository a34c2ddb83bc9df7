//! Step 7, where the client wants its answer wrapped: the bytes of the answer are stored with a token that is made for them,
//! can be used once and opens nothing else; the client gets that token. Both are durable, in one batch, before it is told.
//! Never in it: what a request says about wrapping (`wrapping`), or the way back (`engine::sys::wrapping`).

use onrecord_value::object;

use crate::context::RequestContext;
use crate::engine::codec;
use crate::exchange::Shaped;
use crate::outcome::{Outcome, Reply, ReplyShape};
use crate::release;
use crate::shape::{self, ShapingFailed};
use crate::token::Wrapped;
use crate::wrapping::KEY;

/// The bytes of an answer that is to be wrapped, or that could not be made.
pub(crate) async fn wrap_or_fail(
    context: &RequestContext<'_>,
    outcome: &mut Outcome,
    shaped: Result<Shaped, ShapingFailed>,
) -> Shaped {
    let shaped = match shaped {
        Ok(shaped) => wrap(context, outcome, shaped).await,
        Err(why) => Err(why),
    };
    match shaped {
        Ok(shaped) => shaped,
        Err(why) => release::shaping_failed(context, outcome, why).await,
    }
}

/// Puts the bytes of an answer away, if it is one that can be wrapped, and gives those that the client gets in their place.
/// A refusal and an answer without a body are not wrapped.
async fn wrap(
    context: &RequestContext<'_>,
    outcome: &mut Outcome,
    shaped: Shaped,
) -> Result<Shaped, ShapingFailed> {
    let (Outcome::Reply(reply), Some(ttl)) = (&mut *outcome, context.request.wrap_ttl) else {
        return Ok(shaped);
    };
    if reply.raw.is_some() {
        return Err(ShapingFailed::NotWrappable);
    }
    if reply.shape != ReplyShape::Envelope || shaped.body.is_empty() {
        return Ok(shaped);
    }
    reply.wrapped = Some(store(context, reply, ttl, shaped).await?);
    Ok(shape::shape(context, outcome))
}

async fn store(
    context: &RequestContext<'_>,
    reply: &Reply,
    ttl: u64,
    shaped: Shaped,
) -> Result<Wrapped, ShapingFailed> {
    let room = context.request.permit.hold_change(shaped.body.len());
    room.map_err(|_| ShapingFailed::NoRoom)?;
    let text = String::from_utf8_lossy(&shaped.body).into_owned();
    drop(shaped);
    let value = codec::encode_object(&object! { KEY => text });
    let now = context.unsealed.host.clock.now();
    let tokens = &context.unsealed.tokens;
    match tokens.create_wrapping(&path(context), ttl, (KEY, &value), now).await {
        Ok(token) => {
            let accessor = reply.auth.as_ref().map(|issued| issued.entry.accessor.clone());
            Ok(Wrapped { token, accessor })
        }
        Err(error) => {
            tracing::error!(%error, "an answer could not be wrapped");
            Err(ShapingFailed::NotWrapped)
        }
    }
}

/// The path of the request, which look-ups of the wrapping token show: without what is secret in it.
fn path(context: &RequestContext<'_>) -> String {
    let mut path = context.request.path.clone();
    let secret = context.route.secret.clone();
    if !secret.is_empty() && path.get(secret.clone()).is_some() {
        path.replace_range(secret, "{secret}");
    }
    path
}
