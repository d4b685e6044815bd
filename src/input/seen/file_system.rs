//! File systems whose times tell whether a file was changed.

use std::path::Path;

/// File systems of the disks of this machine, by their numbers in `statfs`: ext2 to ext4, XFS, Btrfs, ZFS, F2FS, bcachefs,
/// and overlays of these.
///
/// Not among them: those of networks, which may tell old times for a minute; FAT and exFAT, which do not keep a time of change;
/// those in memory, where writes through mapped memory do not change a time; and FUSE, behind which anything may be.
#[cfg(target_os = "linux")]
const TRUSTED: [u64; 7] =
    [0xef53, 0x5846_5342, 0x9123_683e, 0x2fc1_2fc1, 0xf2f5_2010, 0xca45_1a4e, 0x794c_7630];

/// Whether stamps of the file at `path`, and of others of its device, can be trusted.
#[cfg(target_os = "linux")]
pub(super) fn is_trusted(path: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let Ok(path) = std::ffi::CString::new(path.as_os_str().as_bytes()) else { return false };
    let mut about = std::mem::MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: the path ends with a zero byte, and the call writes to `about` alone.
    if unsafe { libc::statfs(path.as_ptr(), about.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: a call that succeeds has written all of it.
    let about = unsafe { about.assume_init() };
    // The type has other widths on other processors; the numbers have 32 bits.
    TRUSTED.contains(&(about.f_type as u64 & 0xffff_ffff))
}

/// Elsewhere nobody has looked into it.
#[cfg(not(target_os = "linux"))]
pub(super) fn is_trusted(_: &Path) -> bool {
    false
}
