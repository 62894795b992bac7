// Counts texts with two other implementations: one JSON string a line comes in, and for each line one goes out with what
// each of them says: [alphabet, parts] of split-sms and of Twilio's sms-segments-calculator.
const { SegmentedMessage } = require('sms-segments-calculator');
const { split } = require('split-sms');

const lines = require('readline').createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const text = JSON.parse(line);
  const one = split(text);
  const other = new SegmentedMessage(text);
  const said = [
    [one.characterSet === 'GSM' ? 'gsm' : 'ucs2', one.parts.length],
    [other.encodingName === 'GSM-7' ? 'gsm' : 'ucs2', other.segments.length],
  ];
  process.stdout.write(`${JSON.stringify(said)}\n`);
});
