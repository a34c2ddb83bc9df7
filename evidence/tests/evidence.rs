//! The tree, its tiles, proofs and notes against vectors of others and against the definitions of RFC 6962 §2.1, computed
//! in the plainest way. Never in it: files, logs.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails should panic")]

use onrecord_evidence::{
    Algorithm, Bundle, Checkpoint, Ed25519Key, Hash, MemoryStore, Note, ProofText, Signer as _, Tile, TileId,
    TileKind, Tree, TreeLog, VerifierKey, consistency_proof, hash_children, hash_leaf, inclusion_proof,
    line_digest, remove_outdated, tree_root, verify_consistency, verify_inclusion,
};
use proptest::prelude::*;

/// The tree hash of RFC 6962 §2.1.
fn tree_hash(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::empty(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            hash_children(&tree_hash(left), &tree_hash(right))
        }
    }
}

fn hex(hash: Hash) -> String {
    const_hex::encode(hash.0)
}

fn entry(number: u64) -> [u8; 32] {
    line_digest(&number.to_be_bytes())
}

fn leaves(size: u64) -> Vec<Hash> {
    (0..size).map(|number| hash_leaf(&entry(number))).collect()
}

/// A log of this size in a store, flushed after each of the steps.
fn log_of(size: u64, steps: &[u64]) -> (MemoryStore, TreeLog) {
    let (mut store, mut log) = (MemoryStore::default(), TreeLog::new());
    let mut flushed = 0;
    for number in 0..size {
        log.append(entry(number));
        if steps.contains(&log.size()) || log.size() == size {
            log.flush(&mut store).unwrap();
            remove_outdated(&mut store, flushed, log.size()).unwrap();
            flushed = log.size();
        }
    }
    (store, log)
}

#[test]
fn roots_are_those_of_the_vectors_of_certificate_transparency() {
    let inputs: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut tree = Tree::new();
    assert_eq!(hex(tree.root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (input, root) in inputs.iter().zip(roots) {
        tree.push(hash_leaf(input), &mut Vec::<Tile>::new());
        assert_eq!(hex(tree.root()), root, "{} leaves", tree.size());
    }
}

#[test]
fn tiles_have_the_names_of_the_specification() {
    let tile = |level, index, width| TileId { level, index, width };
    assert_eq!(tile(0, 1_234_067, 256).path(TileKind::Hashes), "tile/0/x001/x234/067");
    assert_eq!(tile(3, 5, 12).path(TileKind::Hashes), "tile/3/005.p/12");
    assert_eq!(tile(0, 1000, 1).path(TileKind::Entries), "tile/entries/x001/000.p/1");
    assert_eq!(tile(0, 0, 256).path(TileKind::Entries), "tile/entries/000");
}

#[test]
fn a_log_of_70_000_entries_has_the_tiles_that_the_specification_counts() {
    let (store, log) = log_of(70_000, &[]);
    let count = |start: &str| store.resources.keys().filter(|path| path.starts_with(start)).count();
    let partial = |start: &str| {
        store.resources.keys().filter(|path| path.starts_with(start) && path.contains(".p/")).count()
    };
    assert_eq!((count("tile/0/"), partial("tile/0/")), (274, 1));
    assert_eq!((count("tile/1/"), partial("tile/1/")), (2, 1));
    assert_eq!((count("tile/2/"), partial("tile/2/")), (1, 1));
    for path in
        ["tile/0/273.p/112", "tile/entries/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"]
    {
        assert!(store.resources.contains_key(path), "{path}");
    }
    assert_eq!(tree_root(&store, 70_000).unwrap(), log.root());
    assert_eq!(log.root(), tree_hash(&leaves(70_000)));
}

#[test]
fn a_tree_of_256_leaves_has_a_full_tile_and_one_hash_above_it() {
    let (store, _) = log_of(256, &[255]);
    let paths: Vec<_> = store.resources.keys().map(String::as_str).collect();
    assert_eq!(paths, ["tile/0/000", "tile/1/000.p/1", "tile/entries/000"]);
}

#[test]
fn what_was_not_written_is_written_by_the_next_flush() {
    struct Full(MemoryStore, usize);
    impl onrecord_evidence::StoreReader for Full {
        fn read(&self, path: &str) -> std::io::Result<Option<Vec<u8>>> {
            self.0.read(path)
        }
    }
    impl onrecord_evidence::Store for Full {
        fn write(&mut self, path: &str, bytes: &[u8]) -> std::io::Result<()> {
            self.1 = self.1.checked_sub(1).ok_or(std::io::ErrorKind::StorageFull)?;
            self.0.write(path, bytes)
        }
        fn remove(&mut self, path: &str) -> std::io::Result<()> {
            self.0.remove(path)
        }
    }
    let mut log = TreeLog::new();
    (0..1000).for_each(|number| log.append(entry(number)));
    let mut store = Full(MemoryStore::default(), 0);
    for room in 0..8 {
        store.1 = room % 3;
        assert!(log.flush(&mut store).is_err());
    }
    store.1 = usize::MAX;
    log.flush(&mut store).unwrap();
    assert_eq!((log.unflushed(), store.0), (0, log_of(1000, &[]).0));
}

#[test]
fn a_tile_that_does_not_belong_to_its_entries_is_not_continued() {
    let (mut store, _) = log_of(300, &[]);
    let path = "tile/entries/001.p/44";
    let mut bytes = store.resources[path].clone();
    *bytes.last_mut().unwrap() ^= 1;
    store.resources.insert(path.to_owned(), bytes);
    let error = TreeLog::load(&store, 300).unwrap_err().to_string();
    assert_eq!(error, "tile/0/001.p/44: hash 43 is not that of its entry");
    store.resources.remove("tile/0/001.p/44");
    assert_eq!(TreeLog::load(&store, 300).unwrap_err().to_string(), "tile/0/001.p/44 is missing");
}

#[test]
fn a_note_of_the_go_checksum_database_is_read_and_checked() {
    // From the documentation of golang.org/x/mod/sumdb/note.
    let key = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    let text = "If you think cryptography is the answer to your problem,\n\
                then you don't know what your problem is.\n\n\
                — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    let verifier = VerifierKey::parse(key).unwrap();
    assert_eq!(verifier.to_string(), key);
    let note = Note::parse(text).unwrap();
    assert_eq!(note.to_string(), text);
    note.verify(std::slice::from_ref(&verifier)).unwrap();

    let changed = Note::parse(&text.replace("problem is", "answer is")).unwrap();
    let error = changed.verify(std::slice::from_ref(&verifier)).unwrap_err().to_string();
    assert!(error.starts_with("the signature of PeterNeumann is wrong"), "{error}");
    let other = Ed25519Key::generate().unwrap().verifier("PeterNeumann");
    let error = note.verify(&[other]).unwrap_err().to_string();
    assert_eq!(error, "no signature of a known key: it is signed by PeterNeumann (c74f20a3)");
}

#[test]
fn a_key_that_does_not_belong_to_its_id_is_refused_with_the_right_one() {
    let key = "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    let error = VerifierKey::parse(key).unwrap_err().to_string();
    assert_eq!(error, "the id does not belong to this name and key: it should be c74f20a3");
    for wrong in ["", "a+b", "a+c74f20a3+AAAA", "a b+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"] {
        assert!(VerifierKey::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_checkpoint_counts_only_under_its_own_origin() {
    let key = Ed25519Key::generate().unwrap();
    let checkpoint = Checkpoint { origin: "example.com/a".to_owned(), size: 3, root: tree_hash(&leaves(3)) };
    let note = checkpoint.sign(&key).unwrap();
    let read = Note::parse(&note.to_string()).unwrap();
    assert_eq!(Checkpoint::verify(&read, &[key.verifier("example.com/a")]).unwrap(), checkpoint);
    assert!(Checkpoint::verify(&read, &[key.verifier("example.com/b")]).is_err());

    let foreign = Note::sign(checkpoint.to_string(), "example.com/b", &key).unwrap();
    let error = Checkpoint::verify(&foreign, &[key.verifier("example.com/b")]).unwrap_err().to_string();
    assert_eq!(error, "not a checkpoint: the key that signed it is not of its origin");
    for wrong in ["", "a\n", "a\n03\nx\n", "a\n-1\nx\n", "a\n3\nx\n", "\n3\nx\n"] {
        assert!(Checkpoint::parse(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn a_cosignature_says_when_a_witness_saw_the_checkpoint() {
    let (log, witness) = (Ed25519Key::generate().unwrap(), Ed25519Key::generate().unwrap());
    let checkpoint = Checkpoint { origin: "example.com/a".to_owned(), size: 3, root: tree_hash(&leaves(3)) };
    let mut note = checkpoint.sign(&log).unwrap();
    let verifier = VerifierKey::new("witness.example/w", Algorithm::Cosignature, witness.public_key());
    let signed = witness.sign(format!("cosignature/v1\ntime 1679315147\n{checkpoint}").as_bytes()).unwrap();
    let mut signature = 1_679_315_147_u64.to_be_bytes().to_vec();
    signature.extend_from_slice(&signed);
    note.signatures.push(onrecord_evidence::NoteSignature {
        name: "witness.example/w".to_owned(),
        key_id: verifier.id(),
        signature,
    });
    let found = note.cosignatures(std::slice::from_ref(&verifier)).unwrap();
    assert_eq!(
        (found[0].witness.as_str(), found[0].time, found.len()),
        ("witness.example/w", 1_679_315_147, 1)
    );
    note.signatures[1].signature[7] ^= 1;
    assert!(note.cosignatures(&[verifier]).is_err());
    assert!(Checkpoint::verify(&note, &[log.verifier("example.com/a")]).is_ok());
}

#[test]
fn a_proof_as_text_is_read_back_and_names_what_it_is_not() {
    let (store, log) = log_of(1000, &[]);
    let key = Ed25519Key::generate().unwrap();
    let checkpoint = Checkpoint { origin: "example.com/a".to_owned(), size: 1000, root: log.root() };
    for extra in [None, Some(b"line 7 of audit.log".to_vec())] {
        let hashes = inclusion_proof(&store, 1000, 617).unwrap();
        let proof = ProofText { extra, index: 617, hashes, checkpoint: checkpoint.sign(&key).unwrap() };
        let read = ProofText::parse(&proof.to_string()).unwrap();
        assert_eq!(read, proof);
        let checked = Checkpoint::verify(&read.checkpoint, &[key.verifier("example.com/a")]).unwrap();
        read.verify(&entry(617), &checked).unwrap();
        assert!(read.verify(&entry(618), &checked).is_err());
        for wrong in
            [proof.to_string().replace("index 617", "index 0617"), proof.to_string().replace("@v1", "@v2")]
        {
            assert!(ProofText::parse(&wrong).is_err());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_proof_holds_and_no_other_does(size in 1_u64..1500, a in 0_u64..1500, b in 0_u64..1500, steps in proptest::collection::vec(1_u64..1500, 0..6)) {
        let (store, log) = log_of(size, &steps);
        let all = leaves(size);
        prop_assert_eq!(log.root(), tree_hash(&all));
        prop_assert_eq!(tree_root(&store, size).unwrap(), log.root());

        let index = a % size;
        let proof = inclusion_proof(&store, size, index).unwrap();
        let leaf = all[usize::try_from(index).unwrap()];
        verify_inclusion(leaf, index, size, log.root(), &proof).unwrap();
        for at in 0..proof.len() {
            let mut changed = proof.clone();
            changed[at].0[31] ^= 1;
            prop_assert!(verify_inclusion(leaf, index, size, log.root(), &changed).is_err());
        }
        let mut longer = proof.clone();
        longer.push(leaf);
        prop_assert!(verify_inclusion(leaf, index, size, log.root(), &longer).is_err());
        prop_assert!(verify_inclusion(hash_leaf(b"other"), index, size, log.root(), &proof).is_err());
        if size > 1 {
            prop_assert!(verify_inclusion(leaf, (index + 1) % size, size, log.root(), &proof).is_err());
        }

        let old = b % (size + 1);
        let old_root = tree_hash(&all[..usize::try_from(old).unwrap()]);
        let proof = consistency_proof(&store, old, size).unwrap();
        verify_consistency(old, old_root, size, log.root(), &proof).unwrap();
        for at in 0..proof.len() {
            let mut changed = proof.clone();
            changed[at].0[0] ^= 1;
            prop_assert!(verify_consistency(old, old_root, size, log.root(), &changed).is_err());
        }
        prop_assert!(verify_consistency(old, hash_leaf(b"other"), size, log.root(), &proof).is_err());
    }

    #[test]
    fn a_log_that_is_read_back_goes_on_as_if_nothing_had_happened(first in 0_u64..700, second in 0_u64..700) {
        let (store, _) = log_of(first, &[]);
        let mut read = TreeLog::load(&store, first).unwrap();
        let mut store = store;
        (first..first + second).for_each(|number| read.append(entry(number)));
        read.flush(&mut store).unwrap();
        remove_outdated(&mut store, first, first + second).unwrap();
        prop_assert_eq!(read.root(), tree_hash(&leaves(first + second)));
        prop_assert_eq!(store, log_of(first + second, &[]).0);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), text in "\\PC{0,200}", width in 0_u64..300) {
        let id = TileId { level: 0, index: 0, width };
        let _read = (Tile::from_bytes(id, &bytes), Bundle::from_bytes(width, &bytes));
        let text = format!("{text}\n\n— a AAAAAAAA\n");
        let _read = (Note::parse(&text), Checkpoint::parse(&text), ProofText::parse(&text), VerifierKey::parse(&text));
    }
}

#[test]
fn entries_appended_together_make_the_tree_that_they_make_one_after_another() {
    let entries: Vec<_> = (0..1500_u32).map(|number| line_digest(&number.to_be_bytes())).collect();
    let (mut one, mut many) = (TreeLog::new(), TreeLog::new());
    let (mut ones, mut manies) = (MemoryStore::default(), MemoryStore::default());
    let mut rest = entries.as_slice();
    for count in [1, 255, 0, 256, 257, 700, 31] {
        let (now, later) = rest.split_at(count);
        rest = later;
        many.append_all(now);
        for entry in now {
            one.append(*entry);
        }
        assert_eq!(one.flush(&mut ones).unwrap(), many.flush(&mut manies).unwrap());
        assert_eq!((one.size(), ones.clone()), (many.size(), manies.clone()));
    }
    assert!(rest.is_empty());
}
