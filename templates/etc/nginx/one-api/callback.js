// What a payment gateway sent and was answered, for the callback log; it never breaks an answer.
const MOST = 2048; // bytes of an answer: "success" has 7

function body(r) {
    try {
        return r.requestBuffer ? r.requestBuffer.toString('base64') : '';
    } catch (error) {
        return ''; // in a file, since it was too large: its size is logged
    }
}

function answer(r, data, flags) {
    // An exception here would leave the gateway without an answer.
    try {
        const kept = r.variables.one_api_answer || '';
        const room = MOST - kept.length / 2;
        if (room > 0) {
            r.variables.one_api_answer = kept + data.slice(0, room).toString('hex');
        }
    } catch (error) {
        r.warn(`the answer is not logged: ${error}`);
    }
    r.sendBuffer(data, flags);
}

export default { body, answer };
