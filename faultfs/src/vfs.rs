//! SQLite's VFS of this crate: the system's own, asked after the disk has been.
//!
//! A file is `File` and right behind it, in the same memory that SQLite gives, the system's own file.

use crate::disk::{self, Inner, Refused, SECTOR};
use rusqlite::ffi;
use std::cell::RefCell;
use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Once;

const NAME: &CStr = c"parceld-faultfs";

/// What SQLite has for each open file.
#[repr(C)]
struct File {
    base: ffi::sqlite3_file,
    on: *mut On,
}

/// A file below a disk's folder.
struct On {
    disk: Rc<RefCell<Inner>>,
    path: PathBuf,
}

/// Puts the VFS before the system's own, for the whole process.
pub fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: SQLite is initialised by the first call, and `unix` is one of its own VFS, which lasts for ever.
        let system = unsafe {
            ffi::sqlite3_initialize();
            ffi::sqlite3_vfs_find(c"unix".as_ptr())
        };
        assert!(!system.is_null(), "SQLite has no VFS for this system");
        // SAFETY: it was just found, and nobody writes to it.
        let theirs = unsafe { &*system };
        let mut ours = *theirs;
        ours.iVersion = ours.iVersion.min(2);
        ours.szOsFile = size_of::<File>() as c_int + theirs.szOsFile;
        ours.pNext = std::ptr::null_mut();
        ours.zName = NAME.as_ptr();
        ours.pAppData = system.cast();
        ours.xOpen = Some(open);
        ours.xDelete = Some(delete);
        ours.xAccess = Some(access);
        ours.xFullPathname = Some(full_pathname);
        ours.xDlOpen = None;
        ours.xDlError = None;
        ours.xDlSym = None;
        ours.xDlClose = None;
        ours.xRandomness = Some(randomness);
        ours.xSleep = Some(sleep);
        ours.xCurrentTime = Some(current_time);
        ours.xGetLastError = Some(last_error);
        ours.xCurrentTimeInt64 = Some(current_time_ms);
        // SAFETY: the box is leaked, so what is registered lasts for ever.
        let code = unsafe { ffi::sqlite3_vfs_register(Box::into_raw(Box::new(ours)), 1) };
        assert_eq!(code, ffi::SQLITE_OK, "the VFS can't be registered");
    });
}

/// The system's own VFS behind ours.
///
/// # Safety
/// `vfs` is the one that [`install`] registered.
unsafe fn system<'a>(vfs: *mut ffi::sqlite3_vfs) -> &'a mut ffi::sqlite3_vfs {
    // SAFETY: `install` has put a VFS that lasts for ever there; SQLite calls it by pointers of its own all the time.
    unsafe { &mut *(*vfs).pAppData.cast::<ffi::sqlite3_vfs>() }
}

/// The system's own file behind ours.
///
/// # Safety
/// `file` was opened by [`open`].
unsafe fn real(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    // SAFETY: SQLite gives `szOsFile` bytes for each file, which are ours and then theirs; ours is a multiple of 8.
    unsafe { file.cast::<File>().add(1).cast() }
}

/// The disk's part of a file; none where it is on no disk.
///
/// # Safety
/// `file` was opened by [`open`] and is not closed.
unsafe fn on<'a>(file: *mut ffi::sqlite3_file) -> Option<&'a On> {
    // SAFETY: `open` has set it, to null or to a box that `close` frees.
    unsafe { (*file.cast::<File>()).on.as_ref() }
}

/// Calls a method of the system's own file.
macro_rules! theirs {
    ($file:expr, $method:ident $(, $argument:expr)*) => {{
        // SAFETY: `open` has opened the system's file behind ours, so its methods are there until it is closed.
        unsafe {
            let real = real($file);
            match (*(*real).pMethods).$method {
                Some(method) => method(real $(, $argument)*),
                None => ffi::SQLITE_IOERR,
            }
        }
    }};
}

fn code(refused: Refused, of_io: c_int) -> c_int {
    match refused {
        Refused::Io => of_io,
        Refused::Full => ffi::SQLITE_FULL,
    }
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite gives room for our file, and a name that ends in NUL or none.
    let path = unsafe {
        (*file).pMethods = std::ptr::null();
        (*file.cast::<File>()).on = std::ptr::null_mut();
        (!name.is_null()).then(|| PathBuf::from(OsStr::from_bytes(CStr::from_ptr(name).to_bytes())))
    };
    let disk = path.as_deref().and_then(|path| Some((disk::of(path)?, path.to_owned())));
    if disk.as_ref().is_some_and(|(disk, _)| disk.borrow().is_dead()) {
        return ffi::SQLITE_CANTOPEN;
    }
    // SAFETY: the VFS is ours, and behind our file is room for theirs.
    let code = unsafe {
        let system = system(vfs);
        match system.xOpen {
            Some(open) => open(system, name, real(file), flags, out_flags),
            None => ffi::SQLITE_CANTOPEN,
        }
    };
    if code != ffi::SQLITE_OK {
        return code;
    }
    if let Some((disk, path)) = disk {
        disk.borrow_mut().opened(&path);
        // SAFETY: it is our file; `close` frees the box.
        unsafe { (*file.cast::<File>()).on = Box::into_raw(Box::new(On { disk, path })) };
    }
    // SAFETY: from here on SQLite calls our methods, and `close` in the end.
    unsafe { (*file).pMethods = &raw const METHODS };
    code
}

unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, sync_directory: c_int) -> c_int {
    // SAFETY: SQLite gives a name that ends in NUL.
    let path = Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(name) }.to_bytes()));
    if let Some(disk) = disk::of(path) {
        let mut disk = disk.borrow_mut();
        if disk.is_dead() {
            return ffi::SQLITE_IOERR_DELETE;
        }
        disk.deleted(path);
    }
    // SAFETY: the VFS is ours.
    unsafe {
        let system = system(vfs);
        system.xDelete.map_or(ffi::SQLITE_IOERR, |delete| delete(system, name, sync_directory))
    }
}

unsafe extern "C" fn access(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, flags: c_int, found: *mut c_int) -> c_int {
    // SAFETY: the VFS is ours; the rest is handed on.
    unsafe {
        let system = system(vfs);
        system.xAccess.map_or(ffi::SQLITE_IOERR, |access| access(system, name, flags, found))
    }
}

unsafe extern "C" fn full_pathname(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    length: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: the VFS is ours; the rest is handed on.
    unsafe {
        let system = system(vfs);
        system.xFullPathname.map_or(ffi::SQLITE_CANTOPEN, |full| full(system, name, length, out))
    }
}

unsafe extern "C" fn randomness(vfs: *mut ffi::sqlite3_vfs, length: c_int, out: *mut c_char) -> c_int {
    // SAFETY: the VFS is ours; the rest is handed on.
    unsafe {
        let system = system(vfs);
        system.xRandomness.map_or(0, |randomness| randomness(system, length, out))
    }
}

unsafe extern "C" fn sleep(_: *mut ffi::sqlite3_vfs, microseconds: c_int) -> c_int {
    // Nobody else is on this thread who could let go of what is waited for.
    microseconds
}

unsafe extern "C" fn current_time(vfs: *mut ffi::sqlite3_vfs, out: *mut f64) -> c_int {
    // SAFETY: the VFS is ours; the rest is handed on.
    unsafe {
        let system = system(vfs);
        system.xCurrentTime.map_or(ffi::SQLITE_ERROR, |time| time(system, out))
    }
}

unsafe extern "C" fn current_time_ms(vfs: *mut ffi::sqlite3_vfs, out: *mut ffi::sqlite3_int64) -> c_int {
    // SAFETY: the VFS is ours; the rest is handed on.
    unsafe {
        let system = system(vfs);
        system.xCurrentTimeInt64.map_or(ffi::SQLITE_ERROR, |time| time(system, out))
    }
}

unsafe extern "C" fn last_error(vfs: *mut ffi::sqlite3_vfs, length: c_int, out: *mut c_char) -> c_int {
    // SAFETY: the VFS is ours; the rest is handed on.
    unsafe {
        let system = system(vfs);
        system.xGetLastError.map_or(0, |error| error(system, length, out))
    }
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    // Without xFetch: nobody maps files.
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    let code = theirs!(file, xClose);
    // SAFETY: it is our file, and closed once; the box is the one of `open`.
    unsafe {
        let on = (*file.cast::<File>()).on;
        if !on.is_null() {
            drop(Box::from_raw(on));
        }
    }
    code
}

unsafe extern "C" fn read(file: *mut ffi::sqlite3_file, out: *mut c_void, length: c_int, at: i64) -> c_int {
    // SAFETY: it is our file, and open.
    if let Some(on) = unsafe { on(file) }
        && let Err(refused) = on.disk.borrow_mut().reads()
    {
        return code(refused, ffi::SQLITE_IOERR_READ);
    }
    theirs!(file, xRead, out, length, at)
}

/// A sector of the file as it is; zeros behind its end.
fn sector(file: *mut ffi::sqlite3_file, at: u64) -> [u8; SECTOR as usize] {
    let mut sector = [0; SECTOR as usize];
    theirs!(file, xRead, sector.as_mut_ptr().cast(), SECTOR as c_int, at as i64);
    sector
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, data: *const c_void, length: c_int, at: i64) -> c_int {
    // SAFETY: it is our file, and open.
    if let Some(on) = unsafe { on(file) } {
        let told = on.disk.borrow_mut().writes(&on.path, at as u64, length as u64, |at| sector(file, at));
        if let Err(refused) = told {
            return code(refused, ffi::SQLITE_IOERR_WRITE);
        }
    }
    theirs!(file, xWrite, data, length, at)
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, length: i64) -> c_int {
    // SAFETY: it is our file, and open.
    if let Some(on) = unsafe { on(file) } {
        let told = on.disk.borrow_mut().truncates(&on.path, length as u64, |at| sector(file, at));
        if let Err(refused) = told {
            return code(refused, ffi::SQLITE_IOERR_TRUNCATE);
        }
    }
    theirs!(file, xTruncate, length)
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: it is our file, and open.
    match unsafe { on(file) } {
        // What is in memory needs no real one.
        Some(on) => match on.disk.borrow_mut().syncs(&on.path) {
            Ok(()) => ffi::SQLITE_OK,
            Err(refused) => code(refused, ffi::SQLITE_IOERR_FSYNC),
        },
        None => theirs!(file, xSync, flags),
    }
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, out: *mut ffi::sqlite3_int64) -> c_int {
    theirs!(file, xFileSize, out)
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    theirs!(file, xLock, level)
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    theirs!(file, xUnlock, level)
}

unsafe extern "C" fn check_reserved_lock(file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    theirs!(file, xCheckReservedLock, out)
}

unsafe extern "C" fn file_control(file: *mut ffi::sqlite3_file, what: c_int, with: *mut c_void) -> c_int {
    theirs!(file, xFileControl, what, with)
}

unsafe extern "C" fn sector_size(file: *mut ffi::sqlite3_file) -> c_int {
    theirs!(file, xSectorSize)
}

unsafe extern "C" fn device_characteristics(file: *mut ffi::sqlite3_file) -> c_int {
    theirs!(file, xDeviceCharacteristics)
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    region: c_int,
    size: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    theirs!(file, xShmMap, region, size, extend, out.cast())
}

unsafe extern "C" fn shm_lock(file: *mut ffi::sqlite3_file, at: c_int, count: c_int, flags: c_int) -> c_int {
    theirs!(file, xShmLock, at, count, flags)
}

unsafe extern "C" fn shm_barrier(file: *mut ffi::sqlite3_file) {
    // SAFETY: it is our file, and open.
    unsafe {
        let real = real(file);
        if let Some(barrier) = (*(*real).pMethods).xShmBarrier {
            barrier(real);
        }
    }
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, delete: c_int) -> c_int {
    theirs!(file, xShmUnmap, delete)
}
