// A carrier on node-smpp, for the tests: takes every message, answers with ids in hexadecimal, sends a receipt for each part.
//
//   node tests/peers/node-smpp-carrier.js PORT RECORD        (PORT 0: any free one; it is printed once it listens)
//
// RECORD gets one line a submission, written before its answer: TIME ID TO REGISTERED-DELIVERY TEXT-IN-JSON.
//
// THROTTLE=N        submissions a second; what exceeds them is answered with ESME_RTHROTTLED
// CUT_EVERY=N       after every Nth submission, taken but not answered, its connection is destroyed
// RECEIPT_AFTER=MS  how long a receipt takes (0)
// PASSWORD=WORD     what a bind must say ("secret")
'use strict';
const fs = require('fs');
const smpp = require('smpp');

const [port, record] = process.argv.slice(2);
const number = (name, otherwise) => Number(process.env[name] || otherwise);
const throttle = number('THROTTLE', Infinity);
const cutEvery = number('CUT_EVERY', Infinity);
const receiptAfter = number('RECEIPT_AFTER', 0);
const password = process.env.PASSWORD || 'secret';

const taken = fs.openSync(record, 'a', 0o600);
let messages = 0;
let second = 0;
let inSecond = 0;
// By system_id: the sessions that receive, and what waits for one.
const receivers = new Map();
const kept = new Map();

const of = (map, key) => map.get(key) || map.set(key, []).get(key);
const textOf = (message) => (typeof message === 'string' ? message : message.message.toString());

function throttled() {
  const now = Math.floor(Date.now() / 1000);
  if (now !== second) {
    second = now;
    inSecond = 0;
  }
  inSecond += 1;
  return inSecond > throttle;
}

// A receipt counts once the client says yes; else it is sent again, over whichever session is there then.
function deliver(user, receipt) {
  const session = of(receivers, user)[0];
  if (!session) {
    of(kept, user).push(receipt);
    return;
  }
  const again = () => {
    if (session.unanswered.delete(receipt)) deliver(user, receipt);
  };
  session.unanswered.add(receipt);
  session.deliver_sm(receipt, (answer) => {
    if (answer.command_status === smpp.ESME_ROK) session.unanswered.delete(receipt);
    else setTimeout(again, 1000);
  });
}

function bound(session, user, receives) {
  session.user = user;
  if (!receives) return;
  of(receivers, user).push(session);
  of(kept, user).splice(0).forEach((receipt) => deliver(user, receipt));
}

function gone(session) {
  const sessions = of(receivers, session.user);
  if (sessions.includes(session)) sessions.splice(sessions.indexOf(session), 1);
  const left = [...session.unanswered];
  session.unanswered.clear();
  left.forEach((receipt) => deliver(session.user, receipt));
}

function date() {
  return new Date().toISOString().replace(/\D/g, '').slice(2, 12);
}

function submit(session, pdu) {
  if (session.socket.destroyed) return; // what was read before the cut
  if (throttled()) {
    session.send(pdu.response({ command_status: smpp.ESME_RTHROTTLED }));
    return;
  }
  messages += 1;
  const id = (0x1a2b3c0000 + messages).toString(16);
  const text = JSON.stringify(textOf(pdu.short_message || pdu.message_payload || ''));
  fs.writeSync(taken, `${Date.now()} ${id} ${pdu.destination_addr} ${pdu.registered_delivery} ${text}\n`);
  if (pdu.registered_delivery & 1) {
    const words = `id:${id} sub:001 dlvrd:001 submit date:${date()} done date:${date()} stat:DELIVRD err:000 text:`;
    const receipt = {
      esm_class: 4,
      source_addr: pdu.destination_addr,
      destination_addr: pdu.source_addr,
      receipted_message_id: id,
      message_state: 2,
      short_message: words,
    };
    setTimeout(() => deliver(session.user, receipt), receiptAfter);
  }
  if (messages % cutEvery === 0) {
    session.socket.destroy();
    return;
  }
  session.send(pdu.response({ message_id: id }));
}

const server = smpp.createServer({}, (session) => {
  session.socket.setNoDelay(true);
  session.unanswered = new Set();
  for (const [command, sends, receives] of [
    ['bind_transceiver', true, true],
    ['bind_receiver', false, true],
    ['bind_transmitter', true, false],
  ]) {
    session.on(command, (pdu) => {
      if (pdu.password !== password) {
        session.send(pdu.response({ command_status: smpp.ESME_RINVPASWD }));
        session.close();
        return;
      }
      session.sends = sends;
      session.send(pdu.response({ system_id: 'node-smpp' }));
      bound(session, pdu.system_id, receives);
    });
  }
  session.on('submit_sm', (pdu) => {
    if (session.sends) submit(session, pdu);
    else session.send(pdu.response({ command_status: smpp.ESME_RINVBNDSTS }));
  });
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('unbind', (pdu) => {
    session.send(pdu.response());
    session.close();
  });
  session.on('close', () => gone(session));
  session.on('error', () => session.socket.destroy());
});

server.listen(Number(port), '127.0.0.1', () => console.log(server.address().port));
process.on('SIGTERM', () => process.exit(0));
