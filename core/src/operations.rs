//! What an operator's endpoints keep of an unsealed server: ceremonies under way and their journal, mounts that were moved,
//! settings for browsers, the query of its logs that runs.
//! Never in it: endpoints (`engine::sys`).

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use onrecord_storage::{BarrierError, View};

use crate::ceremonies::Ceremonies;
use crate::ceremonies::journal::{Journal, SealedActs};
use crate::cors::CorsSettings;
use crate::log_queries::LogQueries;

/// How many moves of mounts are remembered.
const MOVES_KEPT: usize = 64;

pub(crate) struct Operations {
    pub(crate) ceremonies: Ceremonies,
    pub(crate) journal: Journal,
    pub(crate) cors: CorsSettings,
    pub(crate) moves: Moves,
    pub(crate) log_queries: LogQueries,
}

impl Operations {
    pub(crate) async fn load(core: &View, sealed: &SealedActs) -> Result<Self, BarrierError> {
        Ok(Self {
            ceremonies: Ceremonies::default(),
            journal: Journal::load(core.clone(), sealed).await?,
            cors: CorsSettings::load(core.clone()).await?,
            moves: Moves::default(),
            log_queries: LogQueries::default(),
        })
    }
}

/// A mount that was moved.
#[derive(Clone)]
pub(crate) struct Move {
    pub(crate) id: String,
    pub(crate) from: String,
    pub(crate) to: String,
}

/// The latest moves of mounts. They are done when they are answered, and end with the seal.
#[derive(Default)]
pub(crate) struct Moves(Mutex<VecDeque<Move>>);

impl Moves {
    pub(crate) fn add(&self, done: Move) {
        let mut moves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if moves.len() == MOVES_KEPT {
            moves.pop_front();
        }
        moves.push_back(done);
    }

    pub(crate) fn find(&self, id: &str) -> Option<Move> {
        let moves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        moves.iter().find(|done| done.id == id).cloned()
    }
}
