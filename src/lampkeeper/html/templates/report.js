(function(){var tables=[].slice.call(document.querySelectorAll('details.table'));var box=document.getElementById('filter');
if(!box)return;function each(f){tables.forEach(f)}
document.getElementById('fold').onclick=function(){each(function(t){t.open=false})};
document.getElementById('unfold').onclick=function(){each(function(t){t.open=true})};
box.oninput=function(){var q=box.value.trim().toLowerCase();each(function(t){
var head=t.querySelector('summary').textContent.toLowerCase();var inHead=!q||head.indexOf(q)>=0;var any=inHead;
[].forEach.call(t.querySelectorAll('tbody tr'),function(r){var hit=inHead||r.textContent.toLowerCase().indexOf(q)>=0;
r.hidden=!hit;any=any||hit});t.hidden=!any;if(q&&any)t.open=true})};})();
