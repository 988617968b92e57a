//! How the server knows us: a certificate and its key.

use std::path::Path;
use std::sync::Arc;

use pkcs8::{EncryptedPrivateKeyInfoRef, SecretDocument};
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::SingleCertAndKey;
use tokio_rustls::rustls::{Error, InconsistentKeys};

use super::error::TlsError;
use crate::certificates::identity;
use crate::files::{Content, FileError, Files};
use crate::postgres::conninfo::ClientCertificate;
use crate::values::Secret;

/// Reads certificate and key, to be shown. None when there is no certificate: as in libpq, the server then decides.
pub(in crate::postgres) fn load(
    client: &ClientCertificate,
    files: &Files,
    provider: &CryptoProvider,
) -> Result<Option<Arc<SingleCertAndKey>>, TlsError> {
    let path = &client.certificate;
    let pem = match files.read_or_last(path) {
        Ok(pem) => pem,
        Err(error) if error.is_missing() => return Ok(None),
        Err(error) => return Err(TlsError::unreadable(path, error)),
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.bytes()).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| TlsError::NoCertificate { path: path.clone() })?;
    let key = load_key(&client.key, client.key_password.as_ref(), files)?;
    match identity::shown(chain, key, provider) {
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => Err(TlsError::OtherKey {
            key: client.key.clone(),
            certificate: path.clone(),
        }),
        shown => Ok(Some(shown?)),
    }
}

fn load_key(
    path: &Path,
    password: Option<&Secret>,
    files: &Files,
) -> Result<PrivateKeyDer<'static>, TlsError> {
    let unreadable = |error: FileError| match error {
        error if error.is_missing() => TlsError::NoKey {
            path: path.to_owned(),
        },
        error => TlsError::unreadable(path, error),
    };
    let content = files.read_or_last(path).map_err(unreadable)?;
    if !is_private(&content) {
        return Err(TlsError::KeyPermissions {
            path: path.to_owned(),
        });
    }
    let content = content.bytes();
    let has = |text: &str| {
        content
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    if has("-----BEGIN ENCRYPTED PRIVATE KEY-----") {
        return decrypt(content, path, password);
    }
    if has("Proc-Type: 4,ENCRYPTED") {
        return Err(TlsError::KeyOutdated {
            path: path.to_owned(),
        });
    }
    PrivateKeyDer::from_pem_slice(content).map_err(|_| TlsError::BadKey {
        path: path.to_owned(),
    })
}

/// libpq's rule: a plain file that nobody else can use; one of root's may be readable by its group.
fn is_private(content: &Content) -> bool {
    let forbidden = if content.owner == 0 { 0o037 } else { 0o077 };
    content.mode & forbidden == 0
}

fn decrypt(
    content: &[u8],
    path: &Path,
    password: Option<&Secret>,
) -> Result<PrivateKeyDer<'static>, TlsError> {
    let bad_key = || TlsError::BadKey {
        path: path.to_owned(),
    };
    let password = password.ok_or_else(|| TlsError::KeyEncrypted {
        path: path.to_owned(),
    })?;
    let pem = std::str::from_utf8(content).map_err(|_| bad_key())?;
    let (_, document) = SecretDocument::from_pem(pem).map_err(|_| bad_key())?;
    let encrypted = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes()).map_err(|_| bad_key())?;
    let wrong_password = |_| TlsError::KeyPassword {
        path: path.to_owned(),
    };
    let decrypted = encrypted.decrypt(password.expose()).map_err(wrong_password)?;
    PrivateKeyDer::try_from(decrypted.as_bytes().to_vec()).map_err(|_| bad_key())
}
