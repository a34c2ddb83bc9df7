//! Which files a query of the server's own logs reads.
//! Never in it: reading them.

use super::{Devices, DevicesError, stored};
use crate::log_queries::Sources;

impl Devices {
    /// The files of the enabled devices. Raw devices are left out: their texts are those that policies protect.
    pub(crate) async fn query_sources(&self) -> Result<Sources, DevicesError> {
        let mut sources = Sources::default();
        for (path, device) in self.table().iter() {
            let options = self.kinds.parse(&device.kind, &device.options).ok();
            let mut skip = |why| sources.skipped.push((path.clone(), why));
            match options.as_ref().map(|options| (options.form.log_raw, options.file())) {
                None => skip("its options are not accepted any more"),
                Some((_, None)) => skip("it does not write to a file"),
                Some((true, Some(_))) => skip("it is a raw device, whose lines have texts in the clear"),
                Some((false, Some(file))) => sources.files.push((path.clone(), file.to_owned())),
            }
        }
        let salts = stored::salts(&self.view).await?;
        sources.salts = salts.iter().map(|salt| (salt.id, salt.lines)).collect();
        Ok(sources)
    }
}
