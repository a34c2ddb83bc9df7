//! A salt that is kept in a file.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;

use onrecord_audit::salt_file::read_or_create;

#[test]
fn a_salt_is_created_once_and_is_the_same_at_each_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("salt");
    let ids: Vec<_> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| read_or_create(&path).unwrap().id())).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    let id = read_or_create(&path).unwrap().id();
    assert!(ids.iter().all(|other| *other == id), "{ids:?}");
    let names: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(names, ["salt"], "nothing else stays behind");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_to_string(&path).unwrap().trim_end().len(), 36);
    let other = read_or_create(folder.path().join("other")).unwrap();
    assert_ne!(other.id(), id);
}

#[test]
fn a_file_that_holds_no_salt_is_refused_by_its_name_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("salt");
    for text in ["", "\n", "two\nlines\n"] {
        std::fs::write(&path, text).unwrap();
        let error = read_or_create(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert!(error.to_string().contains("salt does not hold a salt"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
    assert_eq!(read_or_create(folder.path().join("no/folder")).unwrap_err().kind(), ErrorKind::NotFound);
}
