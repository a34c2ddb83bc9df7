//! What a service that uses this library has to know beyond its types: a chapter for each topic. There is no code here.

pub mod salts {
    //! Salts and restarts.
    //!
    //! A device hashes with a salt of its own. The same text has the same hash for as long as the salt is the same, so a
    //! reader who may ask for the hash of a text (`Broker::hash`) finds it in the log. Each line names its salt by an id
    //! (`record.salt`), which gives nothing of the salt away.
    //!
    //! * **Keep the salt across restarts.** With a new salt at each start, nothing in the older lines can be found any
    //!   more, and a reader takes the file for the logs of two devices. [`salt_file::read_or_create`] keeps a salt in a
    //!   file; a service with a store of secrets keeps the text there ([`Salt::random_text`]) and makes the salt of it at
    //!   each start ([`Salt::new`]).
    //! * **The salt is a secret.** An attacker with the log and the salt can try guesses: names, card numbers, passwords from a
    //!   list. Keep it from those who read logs. Do not store it beside the log.
    //! * **One salt a device.** Devices with the same salt have the same hashes, so that a reader of both logs can
    //!   relate their lines.
    //! * **Keep retired salts, too.** When a device is removed, its old lines stay; without their salt nothing can be
    //!   found in them.
    //! * A probe entry is hashed with a salt that is thrown away ([`Probe::salt`]), so that no line hashed with the
    //!   real one is sent before the device is known to work.
    //!
    //! [`salt_file::read_or_create`]: crate::salt_file::read_or_create
    //! [`Salt::random_text`]: crate::entry::Salt::random_text
    //! [`Salt::new`]: crate::entry::Salt::new
    //! [`Probe::salt`]: crate::broker::Probe::salt
}

pub mod boot_numbers {
    //! Boot numbers.
    //!
    //! Each entry has a number (`record.seq`), counted from 1 by one broker. The next start of the service begins at 1
    //! again, so each line also names the start it belongs to: `record.boot`, 16 hex digits. With both, a reader can say
    //! of any set of logs whether an entry is missing, is there twice, or is declared missing by a gap entry, even after
    //! `kill -9` (`onrecord log check`).
    //!
    //! This holds only while **no two starts have the same boot number**. [`Builder::build`] therefore draws 64 random
    //! bits. A constant, the process id or a time in seconds will repeat, and then a reader takes entries of one start
    //! for doubles of another's, and a device declares entries missing that never were.
    //!
    //! [`Builder::build_with_boot`] is for a service that has numbers of its own that never repeat, such as a counter that
    //! is durable before it is used, and for tests. Two brokers of one process need two numbers.
    //!
    //! [`Builder::build`]: crate::broker::Builder::build
    //! [`Builder::build_with_boot`]: crate::broker::Builder::build_with_boot
}

pub mod disconnects {
    //! What a client's disconnect does.
    //!
    //! Most HTTP servers drop a handler's future when its client disconnects. The library takes nothing back then: an
    //! entry that was handed to [`record_request`] is written although no task waits for it. But the handler stops where it
    //! was, perhaps between its effect and its response entry. The log then shows a request without a response, and does
    //! not say whether it was carried out.
    //!
    //! So run what lies between the two entries to completion, even if the client leaves: spawn the whole handler as a
    //! task of its own, and let the connection wait for the task.
    //!
    //! ```text
    //! let done = tokio::spawn(async move {
    //!     let requested = broker.record_request(&request_entry).await?;
    //!     let body = carry_out(&requested).await;
    //!     let responded = broker.record_response(&response_entry).await?;
    //!     Ok(answer(requested, responded, body))
    //! });
    //! done.await // when the client leaves, only this is dropped
    //! ```
    //!
    //! A panic of the handler should become a response entry with an error, too: catch it inside the task.
    //!
    //! Where the request entry is refused, some devices may have it. [`record_aborted`] writes a response entry to those,
    //! which says that nothing came of the request. Where the response entry is refused, the effect stands: withhold the
    //! answer, and revoke what it would have issued.
    //!
    //! At the end of the service, let the handlers finish, then call [`drain`]: what is not written when the process exits
    //! is lost, and the next start declares it only if some log shows that it was there.
    //!
    //! [`record_request`]: crate::Broker::record_request
    //! [`record_aborted`]: crate::Broker::record_aborted
    //! [`drain`]: crate::Broker::drain
}

pub mod restore_and_enable {
    //! Restore against enable.
    //!
    //! [`Broker::enable`] is for a device that is **new**: an operator adds it. It has to take a probe entry first, so that
    //! a wrong address or a full disk is known at once and not at the first request. What its file holds from before, if
    //! anything, is not its concern: it reports nothing about earlier starts.
    //!
    //! [`Broker::restore`] is for a device that an **earlier start** of the service had, and which is enabled again at this
    //! start: from a table that the service keeps, or because its configuration names it each time. There is no probe. The
    //! device looks at the end of its log, and declares in a gap entry what the earlier start had numbered and this log
    //! does not have. A device that cannot be opened at the moment is not left out: with
    //! [`failing`](crate::DeviceConfig::failing) it begins as failing, and is tried again and again.
    //!
    //! | | `enable` | `restore` |
    //! |---|---|---|
    //! | the device | new | had entries in an earlier start |
    //! | probe entry | yes, unless none is given | no |
    //! | entries of earlier starts that it lacks | not its concern | declared in a gap entry |
    //! | does not work at the moment | refused | begins as failing, if the service says so |
    //!
    //! A service with one device in its configuration restores it at each start, the first one included: a new log has no
    //! end to look at.
    //!
    //! Their opposites: [`Broker::disable`] ends a device for good, and its log ends with an entry that says so;
    //! [`Broker::release`] ends it for this start only, so that the next start restores it.
    //!
    //! What a device that cannot be read back (a socket, syslog) missed is known to the broker alone. A service that wants
    //! it to survive a kill stores [`Broker::losses`] from time to time, and hands it to the device's
    //! [`DeviceConfig`](crate::DeviceConfig) at the next start.
    //!
    //! [`Broker::enable`]: crate::Broker::enable
    //! [`Broker::restore`]: crate::Broker::restore
    //! [`Broker::disable`]: crate::Broker::disable
    //! [`Broker::release`]: crate::Broker::release
    //! [`Broker::losses`]: crate::Broker::losses
}
