//! Facts of the machine, as `sys/host-info` shows them, from `/proc` (proc(5)). What cannot be read is left out.
//! Never in it: anything of this server.

use std::fs;

use onrecord_value::{Object, Time, Value, object};

/// All that is known.
pub(crate) fn host_facts() -> Object {
    let status = fs::read_to_string("/proc/stat").unwrap_or_default();
    let boot_time = status.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse::<i64>().ok());
    let mut facts = object! { "cpu" => processors(), "host" => host(boot_time) };
    if let Some(seconds) = boot_time {
        facts.insert("boot_time", Time::from_unix(seconds, 0));
    }
    if let Some(memory) = memory() {
        facts.insert("memory", memory);
    }
    facts
}

fn host(boot_time: Option<i64>) -> Object {
    let kernel = |name: &str| {
        let text = fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap_or_default();
        text.trim_end().to_owned()
    };
    let mut host = object! {
        "hostname" => kernel("hostname"),
        "kernelArch" => std::env::consts::ARCH,
        "kernelVersion" => kernel("osrelease"),
        "os" => std::env::consts::OS,
    };
    if let Some(seconds) = boot_time {
        host.insert("bootTime", seconds);
    }
    let uptime = fs::read_to_string("/proc/uptime").ok();
    let seconds = uptime.as_deref().and_then(|text| text.split('.').next()?.trim().parse::<u64>().ok());
    if let Some(seconds) = seconds {
        host.insert("uptime", seconds);
    }
    host
}

/// Bytes, by the names that clients know.
fn memory() -> Option<Object> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let bytes = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().trim_end_matches("kB").trim_end().parse::<u64>().ok().map(|kib| kib * 1024)
    };
    let (total, available) = (bytes("MemTotal")?, bytes("MemAvailable")?);
    Some(object! {
        "available" => available,
        "buffers" => bytes("Buffers"),
        "cached" => bytes("Cached"),
        "free" => bytes("MemFree"),
        "total" => total,
        "used" => total.saturating_sub(available),
    })
}

fn processors() -> Value {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |block: &str, name: &str| {
        let line = block.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let blocks = text.split("\n\n").filter_map(|block| {
        let number = field(block, "processor")?.parse::<u64>().ok()?;
        Some(object! { "cpu" => number, "modelName" => field(block, "model name").unwrap_or_default() })
    });
    blocks.collect()
}

#[cfg(test)]
mod tests {
    use super::host_facts;

    #[test]
    fn a_machine_has_a_name_memory_and_processors() {
        let facts = host_facts();
        assert!(
            facts.object("host").unwrap().str("hostname").is_some_and(|name| !name.is_empty()),
            "{facts:?}"
        );
        assert!(facts.object("memory").is_some() && facts.get("boot_time").is_some());
        assert!(!facts.get("cpu").unwrap().as_array().unwrap().is_empty());
    }
}
