//! The bind: from an open connection to a session, or why the carrier will not have it.

use std::sync::Arc;

use bytes::BytesMut;
use tokio::{
    io::AsyncWriteExt as _,
    sync::{mpsc, watch},
    time::timeout,
};

use super::{
    pdu::{self, Role, Unfit, command},
    session::{Came, End, FAREWELL, Session, read},
    settings::Settings,
    status,
};
use crate::network::Wire;

/// An opened and bound connection, before its loops run.
pub(super) struct Bound<P> {
    pub(super) session: Arc<Session<P>>,
    wire: Box<dyn Wire>,
    unread: BytesMut,
}

/// Binds on an open connection. A refusal for a wrong name or password is [`End::Setup`].
pub(super) async fn bind<P: Send + Sync + 'static>(
    settings: &Settings,
    role: Role,
    mut wire: Box<dyn Wire>,
) -> Result<Bound<P>, End> {
    let lost = |error: std::io::Error| End::Lost(format!("the connection broke off during the bind: {error}"));
    let request = pdu::bind(settings, role, 1).map_err(|Unfit(field)| End::Setup(format!("{field} does not fit its field")))?;
    wire.write_all(&request).await.map_err(lost)?;
    wire.flush().await.map_err(lost)?;
    let mut unread = BytesMut::new();
    loop {
        let frame = read(&mut wire, &mut unread).await.map_err(lost)?;
        let frame = match frame {
            Ok(Some(frame)) => frame,
            Ok(None) => return Err(End::Lost("the carrier hung up during the bind".into())),
            Err(pdu::Unframed(_)) => return Err(End::Lost("what answers the bind does not speak SMPP".into())),
        };
        let response = role.command() | command::RESPONSE;
        match frame.command {
            id if (id == response || id == command::GENERIC_NACK) && frame.status == status::OK => break,
            id if id == response || id == command::GENERIC_NACK => return Err(refused(settings, frame.status)),
            command::ENQUIRE_LINK => {
                wire.write_all(&pdu::enquire_link_resp(frame.sequence)).await.map_err(lost)?;
                wire.flush().await.map_err(lost)?;
            }
            _ => {}
        }
    }
    Ok(Bound { session: Arc::new(Session::new()), wire, unread })
}

/// What a refused bind means.
fn refused(settings: &Settings, code: u32) -> End {
    let (verdict, words) = status::verdict(settings, code);
    let said = format!("the carrier refused the bind: {words}");
    if verdict == status::Verdict::Misconfigured { End::Setup(said) } else { End::Lost(said) }
}

impl<P: Send + Sync + 'static> Bound<P> {
    /// Says good-bye to a connection that nothing was sent over.
    pub(super) async fn unbind(mut self) {
        // The answer changes nothing.
        let farewell = async {
            self.wire.write_all(&pdu::unbind(2)).await?;
            self.wire.flush().await?;
            while let Ok(Some(frame)) = read(&mut self.wire, &mut self.unread).await? {
                if frame.command == command::UNBIND_RESP {
                    break;
                }
            }
            std::io::Result::Ok(())
        };
        let _ = timeout(FAREWELL, farewell).await;
    }

    /// Runs the connection to its end, which `closing` may bring about in order.
    pub(super) async fn run(
        self,
        settings: &Settings,
        came: &mpsc::UnboundedSender<Came>,
        closing: watch::Receiver<bool>,
    ) -> End {
        self.session.run(self.wire, self.unread, settings, came, closing).await
    }
}
