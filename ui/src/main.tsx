import { render } from 'preact';
import { App } from './app.js';
import { startRouter } from './router.js';
import './styles/base.css';
import './styles/controls.css';
import './styles/shell.css';
import './styles/places.css';
import './styles/library.css';

startRouter();
const root = document.getElementById('page');
if (root !== null) render(<App />, root);
