//! Says HELLO on each connection, and waits for WELCOME.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;

use futures_core::Stream;
use websocket_session::{MAX_CONTROL, Output, SUBPROTOCOL};

use super::core::Core;
use super::options::Credentials;
use crate::reconnect::Cause;
use crate::reconnect::target::Provider;
use crate::{AttemptError, Target, WebSocketStream};

/// Asks for the credentials and the target of an attempt.
pub(crate) async fn target(
    core: &Core,
    credentials: Option<&Rc<dyn Credentials>>,
    provider: &dyn Provider,
) -> Result<Target, AttemptError> {
    if !core.has_name {
        return Err(AttemptError::last("there are no cryptographic random numbers in this environment"));
    }
    if let Some(credentials) = credentials {
        let credentials = credentials.get().await?;
        core.credentials.replace(Some(credentials));
    }
    let mut target = provider.target().await?;
    // What else is offered may be a token for a proxy.
    if let Some(protocols) = &mut target.protocols {
        if !protocols.iter().any(|protocol| protocol == SUBPROTOCOL) {
            protocols.insert(0, SUBPROTOCOL.into());
        }
    }
    Ok(target)
}

/// Resolves when the session goes on with the connection.
pub(crate) async fn greet(core: &Rc<Core>, stream: &mut WebSocketStream) -> Result<(), AttemptError> {
    if stream.protocol() != SUBPROTOCOL {
        return Err(AttemptError::last(
            "the server does not speak session.v1; it selects another subprotocol, or none",
        ));
    }
    let credentials = core.credentials.take();
    let connection = core.client.borrow_mut().connect(credentials);
    let Some(connection) = connection else { return Err(AttemptError::last("the session is over")) };
    core.connection.set(Some(connection));
    say(core, stream).await?;
    loop {
        let received = poll_fn(|context| Pin::new(&mut *stream).poll_next(context)).await;
        core.receive(received.ok_or("the connection has ended before the session went on")??);
        let (is_over, live) = {
            let client = core.client.borrow();
            (client.is_over(), client.connection())
        };
        if is_over {
            say(core, stream).await?;
            return Err(AttemptError::last("the session is over"));
        }
        if live == Some(connection) {
            let Err(error) = core.check_blobs().await else { return Ok(()) };
            core.stopped(Cause::Failed(error.clone()));
            say(core, stream).await?;
            return Err(AttemptError::last(error.to_string()));
        }
    }
}

/// Sends what there is to say before messages.
async fn say(core: &Core, stream: &mut WebSocketStream) -> Result<(), AttemptError> {
    loop {
        let output = core.client.borrow_mut().poll();
        match output {
            // Only a HELLO can be this long, and the server would refuse it.
            Some(Output::Control(_, frame)) if frame.len() > MAX_CONTROL => {
                return Err(AttemptError::last("the credentials and the protocol of the session are too long"));
            }
            Some(Output::Control(_, frame)) => stream.send(frame).await.map_err(|unsent| unsent.error)?,
            // Nobody waits for the server's answer.
            Some(Output::Close(_, code, reason)) => drop(stream.close_with(code, reason)),
            Some(Output::Message(..) | Output::Store(_)) => {}
            None => return Ok(()),
        }
    }
}
