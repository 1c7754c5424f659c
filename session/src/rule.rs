//! The rules of `docs/session.md`, by their numbers.

/// A rule, or a part of it. Tests leave one out to show what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(dead_code, reason = "some rules are kept outside of the machine, by the tests' model")]
pub(crate) enum Rule {
    /// The client sends nothing between HELLO and WELCOME.
    WaitForWelcome,
    /// A fresh session takes the counts of HELLO as 0.
    FreshCounts,
    /// `attempt` rises.
    Attempt,
    /// Each WELCOME has a new token.
    NewToken,
    /// Unknown tokens are refused.
    KnownToken,
    /// The last token stays good until the first frame.
    LastToken,
    /// The last token is dropped with the first frame.
    DropLastToken,
    /// The client sends an ACK at once when WELCOME arrives.
    AckWelcome,
    /// A fresh session stays fresh until the client knows its token.
    StaysFresh,
    /// An old copy of a client is refused.
    OldClient,
    /// An old copy of a server is dropped.
    OldServer,
    /// A server ignores superseded connections.
    IgnoreSuperseded,
    /// A client ignores connections that it has left.
    IgnoreLeft,
    /// 4409 is final.
    SupersededIsFinal,
    /// Numbers count over all connections.
    CountOn,
    /// Messages are kept until they are acknowledged.
    Keep,
    /// An end transmits from the peer's received plus 1.
    FromReceived,
    /// Only what is processed is acknowledged.
    AckProcessed,
    /// Acknowledgements are checked.
    CheckAck,
    /// An ACK comes without being asked for.
    AckInTime,
    /// A sender keeps to the credit.
    KeepToCredit,
    /// A receiver checks the credit.
    CheckCredit,
    /// A message that exceeds the credit goes when nothing is outstanding.
    Exempt,
    /// A sender keeps to the largest message.
    KeepToMax,
    /// END is kept and transmitted again.
    KeepEnd,
    /// A server keeps the counts of a complete session.
    KeepComplete,
    /// A complete client connects again until the server has closed with 1000.
    FinishComplete,
    /// Lost messages are reported.
    ReportLost,
    /// Lost messages are not transmitted again.
    DropLost,
    /// A client checks the counts of WELCOME.
    CheckWelcome,
    /// A server reports what it drops.
    ReportDropped,
    /// A message is stored before it is transmitted.
    StoreMessage,
    /// What is processed is stored before an ACK.
    StoreProcessed,
    /// A server stores attempt and tokens before WELCOME.
    StoreServer,
    /// A client stores its attempt and its token.
    StoreClient,
}

/// The rules that a machine keeps: all, but in tests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Rules {
    #[cfg(test)]
    pub(crate) without: Option<Rule>,
}

impl Rules {
    #[cfg(not(test))]
    pub(crate) const fn keeps(&self, _: Rule) -> bool {
        true
    }

    #[cfg(test)]
    pub(crate) fn keeps(&self, rule: Rule) -> bool {
        self.without != Some(rule)
    }
}
