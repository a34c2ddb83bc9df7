//! The floor of the server benches: a bare HTTP server that throws away the body of each request, answers with one fixed body, and
//! does nothing else.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;

/// Serves for ever; says its address first.
pub fn serve(body: &'static str) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        println!("{}", socket.local_addr().expect("an address"));
        loop {
            let Ok((stream, _)) = socket.accept().await else { continue };
            stream.set_nodelay(true).ok();
            tokio::spawn(async move {
                let answer = service_fn(|request: Request<Incoming>| async {
                    let mut sent = request.into_body();
                    while !sent.is_end_stream() && sent.frame().await.is_some_and(|frame| frame.is_ok()) {}
                    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
                    let json = header::HeaderValue::from_static("application/json");
                    response.headers_mut().insert(header::CONTENT_TYPE, json);
                    Ok::<_, Infallible>(response)
                });
                let served =
                    http1::Builder::new().pipeline_flush(true).serve_connection(TokioIo::new(stream), answer);
                served.await.ok();
            });
        }
    });
}
