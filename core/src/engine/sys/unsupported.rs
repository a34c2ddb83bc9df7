//! The rows of what this server refuses below `sys/`, each with its reason: a client learns why, and what to do instead.
//! Never in it: rows that do anything.

use crate::engine::Path;
use crate::engine::sys::{Sys, refused};
use crate::operation::Operation::{Delete, List, Patch, Read, Update};

const NAMESPACES: &str = "namespaces are not supported by this server: use mounts and policies";
const NO_REPLICATION: &str = "replication is not supported by this server: it is a single node";
const NO_LICENSE: &str = "this server has no licence keys";
const NO_SEAL_WRAP: &str =
    "seal wrapping is not supported: values are encrypted with the key of the barrier alone";
const NO_RAW: &str = "sys/raw is not enabled: nobody reads the storage past the engines and their policies";
const NO_PPROF: &str =
    "profiles of the process are not served: they can hold what is in memory, secrets included";
const NO_STREAMS: &str =
    "streams are not served: each answer is on record as a whole; read the log of the server on its machine";
const NO_LOGGERS: &str = "log levels are set by log_level of the configuration or -log-level, at a start";
const NO_RAFT: &str = "the storage of this server is not Raft, and the server is a single node";
const NO_UI: &str = "this server has no user interface, and so no headers of its own for one";
const NO_RELOAD: &str = "the configuration is read again on SIGHUP, which operators of the machine send";
const NO_ACTIVITY: &str =
    "clients are not counted: the audit log has each request with client_id, and sys/metrics counts answers";
const NO_ENTERPRISE_POLICIES: &str =
    "policies of this kind are not supported: write an ACL policy (sys/policies/acl)";
const NO_PASSWORD_POLICIES: &str = "password policies are not supported: sys/tools/random makes random texts";
const NO_MFA: &str = "multi-factor authentication is not supported by this server";
const NO_MANAGED_KEYS: &str = "managed keys are not supported: keys are stored behind the barrier";
const NO_INSPECTION: &str =
    "the tables in memory are not shown: sys/mounts and sys/auth list what is mounted";
const NO_MESSAGES: &str = "this server has no user interface that would show messages";
const IN_FLIGHT: &str =
    "requests under way are not listed; sys/metrics counts them (vault.core.in_flight_requests)";
const NO_CONTROL_GROUPS: &str = "control groups are not supported by this server";

pub(super) const PATHS: &[Path<Sys>] = &[
    refused("namespaces/?", "List the namespaces.", NAMESPACES, &[Read, List]),
    refused(
        "namespaces/{*path}",
        "Read, make, lock and remove a namespace.",
        NAMESPACES,
        &[Read, Update, Patch, Delete],
    ),
    refused(
        "config/group-policy-application",
        "Set how policies of groups apply.",
        NAMESPACES,
        &[Read, Update],
    ),
    refused(
        "config/control-group",
        "Set how control groups apply.",
        NO_CONTROL_GROUPS,
        &[Read, Update, Delete],
    ),
    refused(
        "control-group/{*step}",
        "Authorize and look up a request of a control group.",
        NO_CONTROL_GROUPS,
        &[Update],
    ),
    refused("license/status", "Read the state of the licence.", NO_LICENSE, &[Read]),
    refused("license", "Read and install a licence.", NO_LICENSE, &[Read, Update]),
    refused(
        "replication/{*step}",
        "Enable, disable and read replication.",
        NO_REPLICATION,
        &[Read, Update, Delete],
    ),
    refused("sealwrap/rewrap", "Wrap all values with the seal again.", NO_SEAL_WRAP, &[Read, Update]),
    refused("seal-wrap/rewrap", "Wrap all values with the seal again.", NO_SEAL_WRAP, &[Read, Update]),
    refused("raw/?", "List the keys of the storage.", NO_RAW, &[Read, List]),
    refused("raw/{*key}", "Read, write, list and delete the storage.", NO_RAW, &[Read, Update, List, Delete]),
    refused("pprof/?", "List the profiles of the process.", NO_PPROF, &[Read, List]),
    refused("pprof/{*profile}", "Read a profile of the process.", NO_PPROF, &[Read]),
    refused("monitor", "Read the log of the server as it is written.", NO_STREAMS, &[Read]),
    refused("events/subscribe/{*kind}", "Read events as they happen.", NO_STREAMS, &[Read]),
    refused(
        "events/subscriptions/{*name}",
        "Read and change what events are sent where.",
        NO_STREAMS,
        &[Read, Update, Delete, List],
    ),
    refused("loggers", "Read and set the level of the log.", NO_LOGGERS, &[Read, Update, Delete]),
    refused("loggers/{name}", "Read and set the level of one logger.", NO_LOGGERS, &[Read, Update, Delete]),
    refused("storage/raft/bootstrap", "Begin a Raft cluster.", NO_RAFT, &[Update]),
    refused("storage/raft/bootstrap/{step}", "Join a Raft cluster.", NO_RAFT, &[Update]),
    refused("storage/raft/join", "Join a Raft cluster.", NO_RAFT, &[Update]),
    refused("storage/raft/configuration", "List the nodes of the Raft cluster.", NO_RAFT, &[Read, Update]),
    refused("storage/raft/remove-peer", "Remove a node of the Raft cluster.", NO_RAFT, &[Update]),
    refused("storage/raft/promote", "Let a node of the Raft cluster vote.", NO_RAFT, &[Update]),
    refused("storage/raft/demote", "Let a node of the Raft cluster vote no more.", NO_RAFT, &[Update]),
    refused(
        "storage/raft/autopilot/{what}",
        "Read and set how a Raft cluster looks after itself.",
        NO_RAFT,
        &[Read, Update],
    ),
    refused(
        "storage/raft/snapshot-auto/{*what}",
        "Read and set when snapshots are made.",
        NO_RAFT,
        &[Read, Update, Delete, List],
    ),
    refused("config/ui/headers/?", "List the headers of the user interface.", NO_UI, &[Read, List]),
    refused(
        "config/ui/headers/{name}",
        "Read, set and remove a header of the user interface.",
        NO_UI,
        &[Read, Update, Delete],
    ),
    refused(
        "config/ui/custom-messages/?",
        "List the messages of the user interface.",
        NO_MESSAGES,
        &[List, Update],
    ),
    refused(
        "config/ui/custom-messages/{id}",
        "Read, set and remove a message.",
        NO_MESSAGES,
        &[Read, Update, Delete],
    ),
    refused(
        "config/ui/login/default-auth/{*name}",
        "Set the login method that a user interface shows.",
        NO_UI,
        &[Read, Update, Delete, List],
    ),
    refused("config/reload/{subsystem}", "Read the configuration again.", NO_RELOAD, &[Update]),
    refused("internal/counters/activity/?", "Count the clients.", NO_ACTIVITY, &[Read]),
    refused("internal/counters/activity/{*what}", "Count the clients.", NO_ACTIVITY, &[Read, Update]),
    refused(
        "internal/counters/config",
        "Read and set how clients are counted.",
        NO_ACTIVITY,
        &[Read, Update],
    ),
    refused("internal/counters/requests", "Count the requests.", NO_ACTIVITY, &[Read]),
    refused("internal/counters/entities", "Count the entities.", NO_ACTIVITY, &[Read]),
    refused("internal/inspect/router/{tag}", "Read the router's tables.", NO_INSPECTION, &[Read]),
    refused(
        "internal/ui/resultant-acl",
        "Read what the caller may do.",
        "read sys/capabilities-self of the paths in question",
        &[Read],
    ),
    refused(
        "internal/ui/authenticated-messages",
        "Read the messages of a user interface.",
        NO_MESSAGES,
        &[Read],
    ),
    refused(
        "internal/ui/unauthenticated-messages",
        "Read the messages of a user interface.",
        NO_MESSAGES,
        &[Read],
    ),
    refused("in-flight-req", "List the requests under way.", IN_FLIGHT, &[Read]),
    refused("policies/rgp/?", "List the role policies.", NO_ENTERPRISE_POLICIES, &[Read, List]),
    refused(
        "policies/rgp/{name}",
        "Read, write and delete a role policy.",
        NO_ENTERPRISE_POLICIES,
        &[Read, Update, Delete],
    ),
    refused("policies/egp/?", "List the endpoint policies.", NO_ENTERPRISE_POLICIES, &[Read, List]),
    refused(
        "policies/egp/{name}",
        "Read, write and delete an endpoint policy.",
        NO_ENTERPRISE_POLICIES,
        &[Read, Update, Delete],
    ),
    refused("policies/password/?", "List the password policies.", NO_PASSWORD_POLICIES, &[Read, List]),
    refused(
        "policies/password/{name}",
        "Read, write and delete a password policy.",
        NO_PASSWORD_POLICIES,
        &[Read, Update, Delete],
    ),
    refused("policies/password/{name}/generate", "Make a password.", NO_PASSWORD_POLICIES, &[Read]),
    refused("mfa/{*what}", "Set and validate second factors.", NO_MFA, &[Read, Update, Delete, List]),
    refused(
        "managed-keys/{*key}",
        "Read and set managed keys.",
        NO_MANAGED_KEYS,
        &[Read, Update, Delete, List],
    ),
    refused("utilization-report", "Read how the server is used.", NO_ACTIVITY, &[Read]),
];
