//! The rules of `docs/session.md`, by their numbers.

/// A rule, or a part of one. Tests leave a rule out to show what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(dead_code, reason = "some rules are kept outside of the machine, by the tests' model")]
pub(crate) enum Rule {
    /// R1: The client sends nothing between HELLO and WELCOME.
    WaitForWelcome,
    /// R3: A fresh session takes the counts of HELLO as 0.
    FreshCounts,
    /// R4: `attempt` rises.
    Attempt,
    /// R5: Each WELCOME has a new token.
    NewToken,
    /// R6: Unknown tokens are refused.
    KnownToken,
    /// R7: The last token stays good until the first frame.
    LastToken,
    /// R7: The last token is dropped with the first frame.
    DropLastToken,
    /// R7: The client sends an ACK at once when WELCOME arrives.
    AckWelcome,
    /// R8: A fresh session stays fresh until the client knows its token.
    StaysFresh,
    /// R9: An old copy of a client is refused.
    OldClient,
    /// R9: An old copy of a server is dropped.
    OldServer,
    /// R10: A server ignores superseded connections.
    IgnoreSuperseded,
    /// R11: A client ignores connections that it has left.
    IgnoreLeft,
    /// R12: 4409 is final.
    SupersededIsFinal,
    /// R13: Numbers count over all connections.
    CountOn,
    /// R14: Messages are kept until they are acknowledged.
    Keep,
    /// R15: An end transmits from the peer's received plus 1.
    FromReceived,
    /// R16: Only processed messages are acknowledged.
    AckProcessed,
    /// R17: Acknowledgements are checked.
    CheckAck,
    /// R18: An ACK comes without being asked for.
    AckInTime,
    /// R19: A sender keeps to the credit.
    KeepToCredit,
    /// R19: A receiver checks the credit.
    CheckCredit,
    /// R20: A message that exceeds the credit is transmitted when nothing is outstanding.
    Exempt,
    /// R21: A sender keeps to the largest message.
    KeepToMax,
    /// R22: END is kept and transmitted again.
    KeepEnd,
    /// R23: A server keeps the counts of a complete session.
    KeepComplete,
    /// R23: A complete client connects again until the server has closed with 1000.
    FinishComplete,
    /// R25: Lost messages are reported.
    ReportLost,
    /// R25: Lost messages are not transmitted again.
    DropLost,
    /// R26: A client checks the counts of WELCOME.
    CheckWelcome,
    /// R27: A server reports the messages that it drops.
    ReportDropped,
    /// R28: A message is stored before it is transmitted.
    StoreMessage,
    /// R28: The number of the last processed message is stored before an ACK.
    StoreProcessed,
    /// R28: A server stores attempt and tokens before WELCOME.
    StoreServer,
    /// R28: A client stores its attempt and its token.
    StoreClient,
}

/// The rules that a machine follows: all of them, except in tests.
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
