//! An endpoint for the paths that vaultrs has no call for, as its users write one: method, path, body, any answer.

use rustify::Endpoint;
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use rustify::errors::ClientError;
use serde_json::Value;

pub struct Ask {
    pub method: RequestMethod,
    pub path: String,
    pub sent: Option<Value>,
}

impl Endpoint for Ask {
    type Response = Value;
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        self.path.clone()
    }

    fn method(&self) -> RequestMethod {
        self.method.clone()
    }

    fn body(&self) -> Result<Option<Vec<u8>>, ClientError> {
        Ok(self.sent.as_ref().map(|sent| sent.to_string().into_bytes()))
    }
}
