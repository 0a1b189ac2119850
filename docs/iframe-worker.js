// Search in a site that is read from files: browsers start no worker there, so its script runs in a hidden frame.
if (location.protocol === "file:") {
  window.Worker = window.IFrameWorker = class extends EventTarget {
    constructor(url) {
      super()
      this.loaded = new Promise(loaded => {
        const frame = document.createElement("iframe")
        frame.hidden = true
        frame.onload = () => {
          const inner = frame.contentWindow
          inner.postMessage = data => this.dispatchEvent(new MessageEvent("message", { data }))
          const script = inner.document.createElement("script")
          script.src = url
          script.onload = () => loaded(inner)
          inner.document.body.appendChild(script)
        }
        document.body.appendChild(frame)
      })
    }

    postMessage(data) {
      this.loaded.then(inner => inner.dispatchEvent(new inner.MessageEvent("message", { data })))
    }
  }
}
