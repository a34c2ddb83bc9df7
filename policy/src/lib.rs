//! ACL text to compiled ACL to decision; pure.
