//! How much memory the process may use: what the machine has, or less where a control group says so.
//!
//! # Contract
//! * The limits of version 2 (`memory.max`, `memory.high`) and of version 1 (`memory.limit_in_bytes`) hold for a
//!   group and for all groups in it. So they are read from the group of the process up to the root.
//! * What cannot be read, or is not a number, is not a limit.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the hierarchies of both versions are mounted, and the files that hold their limits.
const VERSION_1: (&str, &[&str]) = ("sys/fs/cgroup/memory", &["memory.limit_in_bytes"]);
const VERSION_2: (&str, &[&str]) = ("sys/fs/cgroup", &["memory.max", "memory.high"]);

/// Where the system does not say how much memory it has.
const UNKNOWN: u64 = 4 << 30;

/// The memory that the process may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineMemory {
    /// In bytes.
    pub bytes: u64,
    /// The file of the control group that says so; none where it is the physical memory.
    pub group: Option<PathBuf>,
}

impl MachineMemory {
    /// That of this process: the least of the physical memory and the limits of its control groups.
    pub fn find() -> MachineMemory {
        MachineMemory::under(Path::new("/"), physical_memory().unwrap_or(UNKNOWN))
    }

    /// The budget where neither the job nor the command line gives one: half of it.
    pub fn budget(&self) -> u64 {
        self.bytes / 2
    }

    /// The least of `physical` bytes and the limits in the files below `root`.
    fn under(root: &Path, physical: u64) -> MachineMemory {
        let mut least = MachineMemory { bytes: physical, group: None };
        // Systems other than Linux lack this file: the physical memory is then the limit.
        let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
        for (mount, files, group) in groups.lines().filter_map(hierarchy) {
            let mount = root.join(mount);
            // In a container the path may be that of the host, which is not there; the mount itself is its group.
            let folder = mount.join(group.trim_start_matches('/'));
            // A group is also bound by the limits of all groups above it.
            for folder in folder.ancestors().take_while(|folder| folder.starts_with(&mount)) {
                for file in files.iter().map(|file| folder.join(file)) {
                    // A group without a limit says `max`, which does not parse and so does not count.
                    let limit = fs::read_to_string(&file).ok().and_then(|text| text.trim().parse().ok());
                    if let Some(bytes) = limit.filter(|bytes| *bytes < least.bytes) {
                        least = MachineMemory { bytes, group: Some(file) };
                    }
                }
            }
        }
        least
    }
}

/// Of a line of `/proc/self/cgroup` the mount of its hierarchy, the files with limits, and the path of the group.
fn hierarchy(line: &str) -> Option<(&'static str, &'static [&'static str], &str)> {
    let (_, rest) = line.split_once(':')?;
    let (controllers, group) = rest.split_once(':')?;
    let (mount, files) = match controllers {
        // The unified hierarchy of version 2 has an empty list of controllers.
        "" => VERSION_2,
        _ if controllers.split(',').any(|controller| controller == "memory") => VERSION_1,
        _ => return None,
    };
    Some((mount, files, group))
}

/// Gives freed memory back to the system, where the allocator keeps it: at the end of a stage that ran out of its
/// budget, so that what the next one takes does not come on top.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: malloc_trim touches free memory alone.
    unsafe {
        libc::malloc_trim(0);
    }
}

fn physical_memory() -> Option<u64> {
    // SAFETY: sysconf only reads a number.
    let (pages, size) = unsafe { (libc::sysconf(libc::_SC_PHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE)) };
    Some(u64::try_from(pages).ok()? * u64::try_from(size).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A root with these files.
    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    /// The memory there of a machine of 1,000 bytes, and the file that says so.
    fn found(files: &[(&str, &str)]) -> (u64, Option<String>) {
        let root = root(files);
        let memory = MachineMemory::under(root.path(), 1000);
        let group = memory.group.map(|file| file.strip_prefix(root.path()).unwrap().display().to_string());
        (memory.bytes, group)
    }

    #[test]
    fn without_control_groups_it_is_the_physical_memory() {
        assert_eq!(found(&[]), (1000, None));
        assert_eq!(found(&[("proc/self/cgroup", "0::/a\n")]), (1000, None));
        assert_eq!(MachineMemory { bytes: 1000, group: None }.budget(), 500);
        assert!(MachineMemory::find().bytes > 1 << 20);
    }

    #[test]
    fn the_least_limit_up_to_the_root_holds() {
        let group = ("proc/self/cgroup", "0::/a/b\n");
        let own = ("sys/fs/cgroup/a/b/memory.max", "max\n");
        let outer = ("sys/fs/cgroup/a/memory.max", "400\n");
        assert_eq!(found(&[group, own, outer]), (400, Some(outer.0.into())));
        let own = ("sys/fs/cgroup/a/b/memory.max", "300\n");
        assert_eq!(found(&[group, own, outer]), (300, Some(own.0.into())));
        let high = ("sys/fs/cgroup/a/memory.high", "200\n");
        assert_eq!(found(&[group, own, outer, high]), (200, Some(high.0.into())));
        // A container sees its own group as the root.
        let root = ("sys/fs/cgroup/memory.max", "100\n");
        assert_eq!(found(&[("proc/self/cgroup", "0::/\n"), root]), (100, Some(root.0.into())));
        assert_eq!(found(&[("proc/self/cgroup", "0::/../x\n"), root]).0, 100);
    }

    #[test]
    fn limits_of_version_1_hold_as_well() {
        let groups = ("proc/self/cgroup", "5:cpu:/x\n4:cpuset,memory:/docker/7\n0::/y\n");
        let limit = ("sys/fs/cgroup/memory/docker/7/memory.limit_in_bytes", "700\n");
        let mount = ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(found(&[groups, limit, mount]), (700, Some(limit.0.into())));
        // The path of the host is not there in the container; its own group is the mount.
        let mount = ("sys/fs/cgroup/memory/memory.limit_in_bytes", "600\n");
        assert_eq!(found(&[groups, mount]), (600, Some(mount.0.into())));
        let of_another = ("sys/fs/cgroup/memory/x/memory.limit_in_bytes", "1\n");
        assert_eq!(found(&[groups, of_another]), (1000, None));
    }

    #[test]
    fn what_is_not_below_what_the_machine_has_is_not_a_limit() {
        let group = ("proc/self/cgroup", "0::/a\n");
        assert_eq!(found(&[group, ("sys/fs/cgroup/a/memory.max", "5000\n")]), (1000, None));
        assert_eq!(found(&[group, ("sys/fs/cgroup/a/memory.max", "-1\n")]), (1000, None));
    }
}
