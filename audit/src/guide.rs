//! What a service that uses this library has to know beyond its types: a chapter for each topic. There is no code here.

pub mod salts {
    //! Salts and restarts.
    //!
    //! The same text has the same hash for as long as a device's salt is the same, so a reader who may ask for the hash of
    //! a text (`Broker::hash`) finds it in the log. Each line names its salt by an id (`record.salt`) that gives nothing of
    //! it away.
    //!
    //! * **Keep the salt across restarts**, or nothing in the older lines can be found any more, and a reader takes the file
    //!   for the logs of two devices: in a file ([`salt_file::read_or_create`](crate::salt_file::read_or_create)), or its
    //!   text ([`Salt::random_text`](crate::entry::Salt::random_text)) in the service's store of secrets.
    //! * **The salt is a secret.** With the log and the salt an attacker can try guesses: names, card numbers, passwords
    //!   from a list. Keep it from those who read logs, and do not store it beside the log.
    //! * **One salt a device.** Devices with the same salt have the same hashes: a reader of both logs can relate their
    //!   lines.
    //! * **Keep retired salts, too**: without them nothing can be found in the lines of a device that was removed.
    //! * A probe entry has a salt that is thrown away ([`Probe::salt`](crate::broker::Probe::salt)): no line hashed with
    //!   the real one is sent before the device is known to work.
}

pub mod boot_numbers {
    //! Boot numbers.
    //!
    //! Each entry has a number (`record.seq`), counted from 1 by one broker, and each line names the start of the service
    //! that it belongs to (`record.boot`, 16 hex digits). With both, a reader can say of any set of logs whether an entry is
    //! missing, is there twice, or is declared missing by a gap entry, even after `kill -9` (`onrecord log check`).
    //!
    //! This holds only while **no two starts have the same boot number**. A constant, the process id or a time in seconds
    //! will repeat, and then a reader takes entries of one start for doubles of another's, and a device declares entries
    //! missing that never were. [`Builder::build`] therefore draws 64 random bits. [`Builder::build_with_boot`] is for
    //! numbers that never repeat by themselves, such as a counter that is durable before it is used, and for tests. Two
    //! brokers of one process need two numbers.
    //!
    //! [`Builder::build`]: crate::broker::Builder::build
    //! [`Builder::build_with_boot`]: crate::broker::Builder::build_with_boot
}

pub mod disconnects {
    //! What a client's disconnect does.
    //!
    //! Most HTTP servers drop a handler's future when its client disconnects. An entry that was handed to
    //! [`record_request`] is written all the same, but the handler stops where it was, perhaps between its effect and its
    //! response entry: the log shows a request without a response, and does not say whether it was carried out. So run what
    //! lies between the two entries to completion: spawn the handler as a task, and let the connection wait for the task.
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
    //! [`Broker::enable`] is for a device that an operator **adds**, [`Broker::restore`] for one that an **earlier start**
    //! of the service had, because a table or the configuration names it.
    //!
    //! | | `enable` | `restore` |
    //! |---|---|---|
    //! | probe entry, so that a wrong address or a full disk is known at once | yes, unless none is given | no |
    //! | entries that earlier starts have numbered and its log lacks | not its concern | declared in a gap entry |
    //! | does not work at the moment | refused | begins as [`failing`], if the service says so, and is tried again |
    //!
    //! A service with one device in its configuration restores it at each start, the first one included: a new log has no
    //! end to look at. [`Broker::disable`] ends a device for good, and its log says so; [`Broker::release`] ends it for
    //! this start only, so that the next one restores it.
    //!
    //! What a device that cannot be read back (a socket, syslog) missed is known to the broker alone. A service that wants
    //! it to survive a kill stores [`Broker::losses`] from time to time, and hands it to the device's
    //! [`DeviceConfig`](crate::DeviceConfig) at the next start.
    //!
    //! [`failing`]: crate::DeviceConfig::failing
    //! [`Broker::enable`]: crate::Broker::enable
    //! [`Broker::restore`]: crate::Broker::restore
    //! [`Broker::disable`]: crate::Broker::disable
    //! [`Broker::release`]: crate::Broker::release
    //! [`Broker::losses`]: crate::Broker::losses
}
