// edgekit, Apache-2.0; made of wasm/js
self.onmessage=async({data:{module:s,memory:a,model:t,slot:n,stack:o}})=>{let{exports:e}=await WebAssembly.instantiate(s,{env:{memory:a}});e.__stack_pointer.value=o,self.postMessage("ready"),e.ek_work(t,n)};
